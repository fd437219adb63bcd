//! Functions that the loader has others run.

use super::Loader;
use super::fetched::FetchFault;
use crate::error::Fault;
use crate::fetch::FunctionCall;
use crate::read_set::Fetched;

/// How messages call what a function makes.
const OUTPUT: &str = "output of the function";

impl Loader<'_> {
    /// Whether functions may be run at all.
    pub(crate) fn functions_enabled(&self) -> Result<(), Fault> {
        self.fetch.functions_enabled().map_err(|error| Fault::unsupported(error.message))
    }

    /// What a function prints, which nothing proves to stay the same.
    pub(crate) fn function(&self, call: &FunctionCall) -> Result<Vec<u8>, Fault> {
        if call.directory.contains("//") {
            let message = format!("the function {} of another repository is not run here", call.path);
            return Err(Fault::unsupported(message));
        }
        let printed = self.fetch.function(call).map_err(|error| FetchFault::new(OUTPUT, &call.path, &error))?;
        let id = format!("sha256:{}", crate::fs::digest(&printed));
        let mut read = self.read.borrow_mut();
        read.record_fetched(&format!("function {}", call.path), Fetched { id, proven: false });
        Ok(printed)
    }
}
