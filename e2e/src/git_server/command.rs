//! `e2e git-server`: the HTTP server for a person and the demo.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::{Access, Hook, HttpOptions, HttpServer, Repositories, Setting};

/// The options of `e2e git-server`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The directory of the bare repositories; it is made when it is missing
    #[arg(long, value_name = "DIRECTORY")]
    directory: PathBuf,
    /// Make this repository when it is missing; may be given more than once
    #[arg(long = "repository", value_name = "NAME")]
    repositories: Vec<String>,
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,
    /// Let in this user only
    #[arg(long, value_name = "NAME", requires = "password_file")]
    username: Option<String>,
    /// The file with the password of the user
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// The file with the webhook's URL; it is read after each push, and nobody is told while it is missing
    #[arg(long, value_name = "FILE", requires = "hook_token_file")]
    hook_url_file: Option<PathBuf>,
    /// The file with the token that signs the webhook; it is read after each push
    #[arg(long, value_name = "FILE", requires = "hook_url_file")]
    hook_token_file: Option<PathBuf>,
    /// Write the server's URL to this file, once it serves
    #[arg(long, value_name = "FILE")]
    url_file: Option<PathBuf>,
}

impl Arguments {
    /// Starts the server.
    pub fn start(self) -> Result<HttpServer> {
        let repositories = Repositories::at(&self.directory)?;
        for name in &self.repositories {
            repositories.create(name)?;
        }
        let access = match (self.username, &self.password_file) {
            (Some(username), Some(file)) => Some(Access { username, password: read(file)? }),
            _ => None,
        };
        let hook = self.hook_url_file.zip(self.hook_token_file);
        let hook = hook.map(|(url, token)| Hook { url: Setting::File(url), token: Setting::File(token) });
        let server = HttpServer::serve(repositories, HttpOptions { access, hook, port: self.port })?;
        if let Some(file) = &self.url_file {
            // Whoever waits for the file must never see half of it.
            let half = file.with_extension("part");
            fs::write(&half, server.base_url())
                .and_then(|()| fs::rename(&half, file))
                .with_context(|| format!("can't write {}", file.display()))?;
        }
        Ok(server)
    }
}

fn read(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(text.trim().to_owned())
}
