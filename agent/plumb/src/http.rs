//! What is asked for by HTTP: files, and whether somebody agrees.

use std::{io::Read as _, sync::Arc, time::Duration};

use base64::Engine as _;
use plumb_kustomize::FetchError;
use ureq::{
    Agent,
    config::RedirectAuthHeaders,
    tls::{RootCerts, TlsConfig},
};
use url::Url;

/// A file that takes longer is given up.
const TOTAL: Duration = Duration::from_mins(2);

/// A server that does not answer for so long is given up.
const ANSWER: Duration = Duration::from_secs(30);

/// The most redirections that are followed.
const REDIRECTIONS: u32 = 10;

/// A client that trusts the authorities of the system, and uses the proxy that the environment names.
fn agent(total: Duration, answer: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(total))
        .timeout_connect(Some(answer))
        .timeout_recv_response(Some(answer))
        .max_redirects(REDIRECTIONS)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .http_status_as_error(false)
        .user_agent(concat!("plumb/", env!("CARGO_PKG_VERSION")))
        .build()
        .into()
}

/// Asks a server, and gives the status of its answer.
///
/// # Errors
/// Why there is no answer, for people.
pub(crate) fn ask(url: &str, most: Duration) -> Result<u16, String> {
    let answer = agent(most, most).get(url).call();
    answer.map(|response| response.status().as_u16()).map_err(|error| format!("it does not answer: {error}"))
}

/// Gets a file of at most `most` bytes. The environment may name a proxy, and authorities are those that the system trusts.
///
/// # Errors
/// When it can't be had, or is larger.
pub(crate) fn get(url: &str, most: usize) -> Result<Arc<[u8]>, FetchError> {
    let mut url = Url::parse(url).map_err(|error| FetchError::refused(format!("the url is not usable: {error}")))?;
    let credentials = credentials(&mut url);
    let agent = agent(TOTAL, ANSWER);
    let mut request = agent.get(url.as_str());
    if let Some(credentials) = credentials {
        request = request.header("Authorization", credentials);
    }
    let mut response = request.call().map_err(|error| failure(&error))?;
    if !response.status().is_success() {
        return Err(FetchError::status(response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = response.body_mut().as_reader().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| FetchError::unreachable(format!("the connection broke: {error}")))?;
    if bytes.len() > most {
        return Err(FetchError::refused(format!("it has more than {most} bytes")));
    }
    Ok(Arc::from(bytes))
}

/// Takes user and password out of a URL.
fn credentials(url: &mut Url) -> Option<String> {
    let decode = |text: &str| {
        // A form has one name here, which is what is encoded.
        url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes()).next().map(|(name, _)| name.into_owned())
    };
    let user = decode(url.username()).unwrap_or_default();
    let password = url.password().and_then(decode);
    if user.is_empty() && password.is_none() {
        return None;
    }
    let pair = format!("{user}:{}", password.unwrap_or_default());
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
}

fn failure(error: &ureq::Error) -> FetchError {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::TooManyRedirects => {
            FetchError::refused(error.to_string())
        }
        _ => FetchError::unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader, Write as _},
        net::TcpListener,
        thread,
    };

    use plumb_kustomize::FetchErrorKind;

    use super::*;

    /// Answers as many requests as there are answers, and gives what was asked.
    fn server(answers: Vec<String>) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let thread = thread::spawn(move || {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
                asked.push(lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (address, thread)
    }

    fn answer(status: &str, headers: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
    }

    #[test]
    fn a_file_is_got_over_redirections() {
        let answers = vec![answer("302 Found", "Location: /b%20c?x=1\r\n", ""), answer("200 OK", "", "hello")];
        let (address, thread) = server(answers);
        assert_eq!(*get(&format!("http://{address}/a b"), 5).unwrap(), *b"hello");
        let asked = thread.join().unwrap();
        assert!(asked[0].starts_with("GET /a%20b HTTP/1.1"), "{asked:?}");
        assert!(asked[1].starts_with("GET /b%20c?x=1 HTTP/1.1"), "{asked:?}");
    }

    #[test]
    fn user_and_password_go_into_a_header() {
        let (address, thread) = server(vec![answer("200 OK", "", "")]);
        get(&format!("http://me:p%40ss+word@{address}/"), 5).unwrap();
        let asked = thread.join().unwrap().remove(0);
        let expected = base64::engine::general_purpose::STANDARD.encode("me:p@ss+word");
        assert!(asked.to_lowercase().contains(&format!("authorization: basic {expected}").to_lowercase()), "{asked}");
    }

    #[test]
    fn failures_are_told_apart() {
        let (address, thread) = server(vec![answer("404 Not Found", "", "gone")]);
        assert_eq!(get(&format!("http://{address}/"), 5).unwrap_err().kind, FetchErrorKind::Status(404));
        thread.join().unwrap();
        let (address, thread) = server(vec![answer("200 OK", "", "123456")]);
        let error = get(&format!("http://{address}/"), 5).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (FetchErrorKind::Refused, "it has more than 5 bytes"));
        thread.join().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let error = get(&format!("http://me:secret@{closed}/"), 5).unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::Unreachable);
        assert!(!error.message.contains("secret"), "{error}");
        assert_eq!(get("http://", 5).unwrap_err().kind, FetchErrorKind::Refused);
    }
}
