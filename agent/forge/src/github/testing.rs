//! A key for tests, made anew each time.

use std::process::Command;

/// An RSA key in this format of `ssh-keygen`: `PEM` is PKCS#1.
pub(crate) fn private_key(format: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-m", format, "-N", "", "-f"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    std::fs::read_to_string(path).unwrap()
}
