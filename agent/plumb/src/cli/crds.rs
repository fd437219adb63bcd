//! `plumb crds`: the definitions that the chart ships.

use std::process::ExitCode;

use super::output;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    output::print(&yaml()?)?;
    Ok(ExitCode::SUCCESS)
}

/// All definitions as one YAML stream.
fn yaml() -> anyhow::Result<String> {
    let values = plumb_api::crds().iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    Ok(plumb_yaml::print_documents(&values))
}

#[cfg(test)]
mod tests {
    /// The chart ships what the types say. `UPDATE_CRDS=1 cargo test -p plumb crds` writes the files anew.
    #[test]
    fn the_chart_ships_the_definitions_of_the_types() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/plumb/crds");
        for crd in plumb_api::crds() {
            let path = format!("{directory}/plumb.dev_{}.yaml", crd.spec.names.plural);
            let expected = plumb_yaml::print(&serde_json::to_value(&crd).unwrap());
            if std::env::var_os("UPDATE_CRDS").is_some() {
                std::fs::create_dir_all(directory).unwrap();
                std::fs::write(&path, &expected).unwrap();
            }
            let shipped = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(shipped == expected, "{path} differs from the types; run UPDATE_CRDS=1 cargo test -p plumb crds");
        }
    }
}
