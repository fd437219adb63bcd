//! `helmCharts`, `helmGlobals` and what they replaced, `helmChartInflationGenerator`.

use plumb_yaml::{Data, Map, Node, Number, Value};

use super::decode::{At, Decoder, Fields, dotted, key_text};
use crate::error::Fault;

/// A chart to inflate.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a field of kustomize")]
pub(crate) struct HelmChart {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) repo: String,
    pub(crate) release_name: String,
    pub(crate) namespace: String,
    pub(crate) name_template: String,
    pub(crate) values_file: String,
    pub(crate) additional_values_files: Vec<String>,
    pub(crate) values_inline: Map<String, Value>,
    pub(crate) values_merge: ValuesMerge,
    pub(crate) api_versions: Vec<String>,
    pub(crate) kube_version: String,
    pub(crate) include_crds: bool,
    pub(crate) skip_hooks: bool,
    pub(crate) skip_tests: bool,
    pub(crate) debug: bool,
    pub(crate) devel: bool,
    pub(crate) globals: HelmGlobals,
}

/// Where charts are, and where helm keeps its configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HelmGlobals {
    pub(crate) chart_home: String,
    pub(crate) config_home: String,
}

/// What `valuesInline` does to the values of the chart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ValuesMerge {
    /// It wins over them.
    #[default]
    Override,
    /// They win over it.
    Merge,
    /// It stands alone.
    Replace,
}

const GLOBALS: [&str; 2] = ["chartHome", "configHome"];

const CHART: [&str; 17] = [
    "name",
    "version",
    "repo",
    "releaseName",
    "namespace",
    "nameTemplate",
    "valuesFile",
    "additionalValuesFiles",
    "valuesInline",
    "valuesMerge",
    "apiVersions",
    "kubeVersion",
    "includeCRDs",
    "skipHooks",
    "skipTests",
    "debug",
    "devel",
];

const LEGACY: [&str; 13] = [
    "chartName",
    "chartVersion",
    "chartRepoUrl",
    "chartHome",
    "chartRepoName",
    "helmBin",
    "helmHome",
    "values",
    "valuesLocal",
    "valuesMerge",
    "releaseName",
    "releaseNamespace",
    "extraArgs",
];

impl Decoder {
    /// All charts of a kustomization.
    pub(crate) fn helm_charts(&mut self, fields: &Fields<'_>) -> Vec<At<HelmChart>> {
        let mut charts = self.list(fields.get("helmCharts"), "helmCharts", |decoder, node, path| {
            let fields = decoder.fields(node, path, &CHART);
            decoder.chart(&fields, path)
        });
        let name = "helmChartInflationGenerator";
        let mut legacy_globals = HelmGlobals::default();
        charts.extend(
            self.list(fields.get(name), name, |decoder, node, path| {
                decoder.legacy_chart(node, path, &mut legacy_globals)
            }),
        );
        let globals = match fields.get("helmGlobals") {
            Some(node) => {
                let fields = self.fields(node, "helmGlobals", &GLOBALS);
                self.globals(&fields, "helmGlobals")
            }
            None => legacy_globals,
        };
        for chart in &mut charts {
            chart.value.globals = globals.clone();
        }
        charts
    }

    /// The configuration of the plugin `HelmChartInflationGenerator`.
    pub(crate) fn helm_plugin(&mut self, node: &Node) -> HelmChart {
        self.embedded(|decoder| {
            let fields = decoder.fields(node, "", &CHART);
            let mut chart = decoder.chart(&fields, "");
            let fields = decoder.fields(node, "", &GLOBALS);
            chart.globals = decoder.globals(&fields, "");
            chart
        })
    }

    fn globals(&mut self, fields: &Fields<'_>, path: &str) -> HelmGlobals {
        HelmGlobals {
            chart_home: self.text_of(fields, path, "chartHome"),
            config_home: self.text_of(fields, path, "configHome"),
        }
    }

    fn chart(&mut self, fields: &Fields<'_>, path: &str) -> HelmChart {
        HelmChart {
            name: self.text_of(fields, path, "name"),
            version: self.text_of(fields, path, "version"),
            repo: self.text_of(fields, path, "repo"),
            release_name: self.text_of(fields, path, "releaseName"),
            namespace: self.text_of(fields, path, "namespace"),
            name_template: self.text_of(fields, path, "nameTemplate"),
            values_file: self.text_of(fields, path, "valuesFile"),
            additional_values_files: self.texts(fields, path, "additionalValuesFiles"),
            values_inline: self.values(fields, path, "valuesInline"),
            values_merge: self.values_merge(fields, path),
            api_versions: self.texts(fields, path, "apiVersions"),
            kube_version: self.text_of(fields, path, "kubeVersion"),
            include_crds: self.bool_of(fields, path, "includeCRDs"),
            skip_hooks: self.bool_of(fields, path, "skipHooks"),
            skip_tests: self.bool_of(fields, path, "skipTests"),
            debug: self.bool_of(fields, path, "debug"),
            devel: self.bool_of(fields, path, "devel"),
            globals: HelmGlobals::default(),
        }
    }

    /// An entry of `helmChartInflationGenerator`; of its homes the last that are set count for all charts.
    fn legacy_chart(&mut self, node: &Node, path: &str, globals: &mut HelmGlobals) -> HelmChart {
        let fields = self.fields(node, path, &LEGACY);
        for (field, home) in [("chartHome", &mut globals.chart_home), ("helmHome", &mut globals.config_home)] {
            let text = self.text_of(&fields, path, field);
            if !text.is_empty() {
                *home = text;
            }
        }
        // kustomize reads these and does nothing with them.
        for field in ["chartRepoName", "helmBin", "releaseNamespace"] {
            self.text_of(&fields, path, field);
        }
        self.texts(&fields, path, "extraArgs");
        HelmChart {
            name: self.text_of(&fields, path, "chartName"),
            version: self.text_of(&fields, path, "chartVersion"),
            repo: self.text_of(&fields, path, "chartRepoUrl"),
            release_name: self.text_of(&fields, path, "releaseName"),
            values_file: self.text_of(&fields, path, "values"),
            values_inline: self.values(&fields, path, "valuesLocal"),
            values_merge: self.values_merge(&fields, path),
            ..HelmChart::default()
        }
    }

    fn texts(&mut self, fields: &Fields<'_>, path: &str, name: &str) -> Vec<String> {
        let texts = self.strings(fields.get(name), &dotted(path, name));
        texts.into_iter().map(|text| text.value).collect()
    }

    fn values_merge(&mut self, fields: &Fields<'_>, path: &str) -> ValuesMerge {
        match (self.text_of(fields, path, "valuesMerge").as_str(), fields.get("valuesMerge")) {
            ("merge", _) => ValuesMerge::Merge,
            ("replace", _) => ValuesMerge::Replace,
            ("" | "override", _) | (_, None) => ValuesMerge::Override,
            (other, Some(node)) => {
                let fault = Fault::syntax(format!("expected merge, override or replace, found {other:?}"));
                self.problem(node, &dotted(path, "valuesMerge"), fault);
                ValuesMerge::Override
            }
        }
    }

    fn values(&mut self, fields: &Fields<'_>, path: &str, name: &str) -> Map<String, Value> {
        let Some(node) = fields.get(name) else { return Map::new() };
        self.mapping(node, &dotted(path, name));
        match json(node) {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

/// A value as kustomize carries it: through JSON, where every number becomes a floating-point one.
fn json(node: &Node) -> Value {
    match &node.data {
        Data::Null => Value::Null,
        Data::Bool(value) => Value::Bool(*value),
        Data::Number(number) => Value::Number(floating(number)),
        Data::String(text) => Value::String(text.clone()),
        Data::Sequence(items) => Value::Array(items.iter().map(json).collect()),
        Data::Mapping(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key_text(key), json(value))).collect())
        }
    }
}

/// The number with what it loses as a floating-point one; an integer is still written as such.
fn floating(number: &Number) -> Number {
    let Some(value) = number.as_f64() else { return number.clone() };
    let whole = (value.fract() == 0.0).then(|| format!("{value:.0}"));
    let whole = whole
        .and_then(|text| text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok());
    whole.or_else(|| Number::from_f64(value)).unwrap_or_else(|| number.clone())
}

#[cfg(test)]
mod tests {
    use plumb_yaml::{Limits, Schema, parse};

    use super::*;

    #[test]
    fn numbers_lose_what_a_float_can_not_hold() {
        let values = "{a: 1, b: 9007199254740993, c: 1.50, d: 18446744073709551615, e: [null, true], 1: x, f: 1e400}";
        let node = parse(values.as_bytes(), Schema::Yaml11, &Limits::default()).unwrap().remove(0);
        let expected =
            r#"{"1":"x","a":1,"b":9007199254740992,"c":1.5,"d":1.8446744073709552e+19,"e":[null,true],"f":"1e400"}"#;
        assert_eq!(json(&node).to_string(), expected);
    }
}
