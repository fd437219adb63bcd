//! git over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::serve::ListenerExt as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::hook::{Hook, references};
use super::{Repositories, cgi};

/// Who may use the server.
#[derive(Clone)]
pub struct Access {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// What an [`HttpServer`] does; the default lets everybody in and tells nobody.
#[derive(Clone, Default)]
pub struct HttpOptions {
    /// Who may use it; `None` is everybody.
    pub access: Option<Access>,
    /// Whom to tell of pushes.
    pub hook: Option<Hook>,
    /// The port; 0 takes a free one.
    pub port: u16,
}

/// A running HTTP server. It has a thread of its own, so that a test may wait for git without stopping it.
pub struct HttpServer {
    address: SocketAddr,
    repositories: Repositories,
    access: Option<Access>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

struct Served {
    repositories: Repositories,
    access: Option<Access>,
    hook: Option<Hook>,
}

impl HttpServer {
    /// Starts it on a free port with a temporary directory of repositories.
    pub async fn start(access: Option<Access>) -> Result<Self> {
        Self::serve(Repositories::temporary()?, HttpOptions { access, ..HttpOptions::default() })
    }

    /// Starts it for these repositories.
    pub fn serve(repositories: Repositories, options: HttpOptions) -> Result<Self> {
        let HttpOptions { access, hook, port } = options;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("can't listen on port {port} of 127.0.0.1"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let served = Arc::new(Served { repositories: repositories.clone(), access: access.clone(), hook });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("git-http".into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                // A server that is meant for use sends its answers at once as well.
                let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
                let router = Router::new().fallback(handle).with_state(served);
                tokio::select! {
                    served = axum::serve(listener, router) => drop(served),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { address, repositories, access, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is, such as `http://127.0.0.1:8000`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{name}.git", self.base_url())
    }

    /// The URL of a repository with the user name and password in it.
    pub fn url_with_credentials(&self, name: &str) -> String {
        match &self.access {
            Some(Access { username, password }) => {
                let encode = |text: &str| text.bytes().map(encode_byte).collect::<String>();
                format!("http://{}:{}@{}/{name}.git", encode(username), encode(password), self.address)
            }
            None => self.url(name),
        }
    }

    /// Makes an empty repository.
    pub fn create_repository(&self, name: &str) -> Result<()> {
        self.repositories.create(name).map(drop)
    }

    /// What it serves.
    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }
}

fn encode_byte(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

async fn handle(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    if !admits(served.access.as_ref(), head.headers.get(header::AUTHORIZATION)) {
        let mut response = text(StatusCode::UNAUTHORIZED, "a user name and password are needed\n");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"git\""));
        return response;
    }
    let pushed = head.uri.path().strip_suffix("/git-receive-pack").map(|path| path.trim_matches('/').to_owned());
    let hook = served.hook.clone().zip(pushed).filter(|_| head.method == "POST");
    let before = match &hook {
        Some((_, path)) => references(&served.repositories.path().join(path)).await.unwrap_or_default(),
        None => Default::default(),
    };
    let root = served.repositories.path().to_owned();
    let place = root.clone();
    let ended = async move {
        let Some((hook, path)) = hook else { return };
        let told = match references(&place.join(&path)).await {
            Ok(after) => hook.tell(path.trim_end_matches(".git"), &before, &after).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            eprintln!("git-server: {error:#}");
        }
    };
    let user = served.access.as_ref().map(|access| access.username.as_str());
    match cgi::answer(&root, &head, body, user, ended).await {
        Ok(response) => response,
        Err(error) => {
            eprintln!("git-server: {error:#}");
            text(StatusCode::INTERNAL_SERVER_ERROR, "git could not be run\n")
        }
    }
}

fn admits(access: Option<&Access>, authorization: Option<&header::HeaderValue>) -> bool {
    let Some(Access { username, password }) = access else { return true };
    let Some(encoded) = authorization.and_then(|value| value.to_str().ok()?.strip_prefix("Basic ")) else {
        return false;
    };
    STANDARD.decode(encoded.trim()).is_ok_and(|decoded| decoded == format!("{username}:{password}").as_bytes())
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
