//! Reads the configuration of a plugin from its object.

use plumb_yaml::{Limits, Node, Schema};

use super::{IamPolicy, Plugin, describe};
use crate::error::Fault;
use crate::filters::namespace::{Namespace, Subjects};
use crate::filters::value_add;
use crate::kustomization::Patch;
use crate::kustomization::decode::{Decoder, Fields, Mode, Problem, dotted};
use crate::object::Resource;

impl Plugin {
    /// Reads the configuration of a built-in plugin. The problems name the plugin as their field, and the line where the object starts.
    pub(crate) fn decode(config: &Resource) -> Result<Self, Vec<Problem>> {
        let at = |field: String, fault| Problem { line: config.origin.line, field: Some(field), fault };
        let name = describe(config);
        // kustomize prints the object and reads it again as YAML 1.1, whatever its file is.
        let printed = plumb_yaml::print(&config.tree.clone().into_value());
        let parsed = plumb_yaml::parse(printed.as_bytes(), Schema::Yaml11, &Limits::default());
        let documents = parsed.map_err(|error| vec![at(name.clone(), Fault::syntax(error.message))])?;
        let [node] = documents.as_slice() else {
            return Err(vec![at(name, Fault::syntax("the configuration of a plugin must be one object"))]);
        };
        let mode = match config.kind() {
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => Mode::Exact,
            _ => Mode::Lenient,
        };
        let mut decoder = Decoder { mode, problems: Vec::new() };
        let plugin = decoder.plugin(config.kind(), node);
        let mut problems = decoder.problems.into_iter();
        match plugin {
            Some(plugin) if problems.len() == 0 => Ok(plugin),
            _ => Err(problems
                .by_ref()
                .map(|Problem { field, fault, .. }| match field {
                    Some(field) => at(format!("{name}: {field}"), fault),
                    None => at(name.clone(), fault),
                })
                .collect()),
        }
    }
}

/// A target of a `ValueAddTransformer`, and files of them.
pub(crate) fn value_add_targets(node: &Node) -> Result<Vec<value_add::Target>, Vec<Problem>> {
    let mut decoder = Decoder { mode: Mode::Lenient, problems: Vec::new() };
    let fields = decoder.fields(node, "", &["targets"]);
    let targets = decoder.targets_of_values(&fields);
    if decoder.problems.is_empty() { Ok(targets) } else { Err(decoder.problems) }
}

impl Decoder {
    fn plugin(&mut self, kind: &str, node: &Node) -> Option<Plugin> {
        Some(match kind {
            "AnnotationsTransformer" => {
                let fields = self.fields(node, "", &["annotations", "fieldSpecs"]);
                let annotations = fields.get("annotations").map(|node| self.string_map(node, "annotations"));
                Plugin::Annotations {
                    annotations: annotations.unwrap_or_default(),
                    specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
                }
            }
            "LabelTransformer" => {
                let fields = self.fields(node, "", &["labels", "fieldSpecs"]);
                let labels = fields.get("labels").map(|node| self.string_map(node, "labels"));
                Plugin::Label {
                    labels: labels.unwrap_or_default(),
                    specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
                }
            }
            "ImageTagTransformer" => {
                let fields = self.fields(node, "", &["imageTag", "fieldSpecs"]);
                let image = fields.get("imageTag").map(|node| self.image(node, "imageTag"));
                Plugin::ImageTag {
                    image: image.unwrap_or_default(),
                    specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
                }
            }
            "ReplicaCountTransformer" => {
                let fields = self.fields(node, "", &["replica", "fieldSpecs"]);
                let replica = fields.get("replica").map(|node| self.replica(node, "replica"));
                Plugin::ReplicaCount {
                    replica: replica.unwrap_or_default(),
                    specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
                }
            }
            "PrefixTransformer" | "SuffixTransformer" | "PrefixSuffixTransformer" => self.affix_plugin(kind, node)?,
            "NamespaceTransformer" => self.namespace_plugin(node)?,
            "HashTransformer" => Plugin::Hash,
            "PatchTransformer" => Plugin::Patch(Box::new(self.patch(node, ""))),
            "PatchJson6902Transformer" => {
                let fields = self.fields(node, "", &["target", "path", "jsonOp"]);
                Plugin::PatchJson6902(Box::new(Patch {
                    path: self.text_of(&fields, "", "path"),
                    text: self.text_of(&fields, "", "jsonOp"),
                    target: fields.get("target").map(|node| self.target(node, "target")),
                    ..Patch::default()
                }))
            }
            "PatchStrategicMergeTransformer" => {
                let fields = self.fields(node, "", &["paths", "patches"]);
                Plugin::PatchStrategicMerge {
                    paths: self.strings(fields.get("paths"), "paths"),
                    patches: self.text_of(&fields, "", "patches"),
                }
            }
            "ReplacementTransformer" => {
                let fields = self.fields(node, "", &["replacements"]);
                let entries = self.list(fields.get("replacements"), "replacements", Self::replacement_entry);
                Plugin::Replacement(entries)
            }
            "ValueAddTransformer" => {
                let fields = self.fields(node, "", &["value", "targets", "targetFilePath"]);
                Plugin::ValueAdd {
                    value: self.text_of(&fields, "", "value"),
                    targets: self.targets_of_values(&fields),
                    target_file: self.text_of(&fields, "", "targetFilePath"),
                }
            }
            "ConfigMapGenerator" | "SecretGenerator" => self.generator_plugin(node, kind == "SecretGenerator"),
            "IAMPolicyGenerator" => Plugin::IamPolicyGenerator(self.embedded(|decoder| decoder.iam_policy(node))),
            "HelmChartInflationGenerator" => Plugin::HelmChartInflationGenerator(Box::new(self.helm_plugin(node))),
            "SortOrderTransformer" => {
                let message = "objects can be sorted by the kustomization at the top only; use its sortOptions";
                self.problem(node, "", Fault::syntax(message));
                return None;
            }
            other => {
                self.problem(node, "", Fault::syntax(format!("{other} is not a built-in plugin of kustomize")));
                return None;
            }
        })
    }

    fn affix_plugin(&mut self, kind: &str, node: &Node) -> Option<Plugin> {
        let known = &["prefix", "suffix", "fieldSpecs"];
        let fields = self.fields(node, "", known);
        if !fields.contains_key("fieldSpecs") {
            let fault = Fault::syntax("the field is missing; name the fields, such as metadata/name");
            self.problem(node, "fieldSpecs", fault);
            return None;
        }
        let mut text =
            |field: &str, other: &str| if kind == other { None } else { Some(self.text_of(&fields, "", field)) };
        Some(Plugin::Affix {
            prefix: text("prefix", "SuffixTransformer"),
            suffix: text("suffix", "PrefixTransformer"),
            specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
        })
    }

    fn namespace_plugin(&mut self, node: &Node) -> Option<Plugin> {
        let known = &["metadata", "fieldSpecs", "unsetOnly", "setRoleBindingSubjects"];
        let fields = self.fields(node, "", known);
        let (_, name) = self.meta_of(&fields);
        let subjects = match self.text_of(&fields, "", "setRoleBindingSubjects").as_str() {
            "" | "defaultOnly" => Subjects::DefaultOnly,
            "allServiceAccounts" => Subjects::AllServiceAccounts,
            "none" => Subjects::None,
            other => {
                let message = format!("expected defaultOnly, allServiceAccounts or none, found {other:?}");
                self.problem(node, "setRoleBindingSubjects", Fault::syntax(message));
                return None;
            }
        };
        let unset_only = self.bool_of(&fields, "", "unsetOnly");
        Some(Plugin::Namespace {
            namespace: Namespace { name, unset_only, subjects },
            specs: self.field_specs(&fields, "", "fieldSpecs", Self::text_of),
        })
    }

    fn generator_plugin(&mut self, node: &Node, is_secret: bool) -> Plugin {
        let fields = self.fields(node, "", &["metadata"]);
        let (name, namespace) = self.meta_of(&fields);
        let mut generator = self.embedded(|decoder| decoder.generator(node, "", is_secret));
        if generator.name.is_empty() {
            generator.name = name;
        }
        if generator.namespace.is_empty() {
            generator.namespace = namespace;
        }
        Plugin::Generator(Box::new(generator))
    }

    fn iam_policy(&mut self, node: &Node) -> IamPolicy {
        let fields = self.fields(node, "", &["cloud", "kubernetesService", "serviceAccount"]);
        let mut inner = |path: &str, name: &str, known: &'static str| {
            let Some(node) = fields.get(path) else { return String::new() };
            let fields = self.fields(node, path, &["name", known]);
            self.text_of(&fields, path, name)
        };
        let policy = IamPolicy {
            name: inner("kubernetesService", "name", "namespace"),
            namespace: inner("kubernetesService", "namespace", "namespace"),
            account: inner("serviceAccount", "name", "projectId"),
            project: inner("serviceAccount", "projectId", "projectId"),
            cloud: self.text_of(&fields, "", "cloud"),
        };
        if policy.cloud != "gke" {
            let message = format!("the only cloud that kustomize knows is gke, found {:?}", policy.cloud);
            self.problem(node, "cloud", Fault::syntax(message));
        }
        policy
    }

    /// Name and namespace of the object.
    fn meta_of(&mut self, fields: &Fields<'_>) -> (String, String) {
        let Some(node) = fields.get("metadata") else { return Default::default() };
        let inner = self.fields(node, "metadata", &["name", "namespace", "labels", "annotations"]);
        for name in ["labels", "annotations"] {
            inner.get(name).map(|node| self.string_map(node, &dotted("metadata", name)));
        }
        (self.text_of(&inner, "metadata", "name"), self.text_of(&inner, "metadata", "namespace"))
    }

    fn targets_of_values(&mut self, fields: &Fields<'_>) -> Vec<value_add::Target> {
        let targets = self.list(fields.get("targets"), "targets", |decoder, node, path| {
            let fields = decoder.fields(node, path, &["selector", "fieldPath", "filePathPosition"]);
            let target = value_add::Target {
                selector: fields.get("selector").map(|node| decoder.target(node, &dotted(path, "selector"))),
                path: decoder.text_of(&fields, path, "fieldPath"),
                position: fields
                    .get("filePathPosition")
                    .map_or(0, |node| decoder.integer(node, &dotted(path, "filePathPosition"))),
            };
            if target.path.is_empty() {
                decoder.problem(node, path, Fault::syntax("the target needs a fieldPath"));
            }
            if target.position < 0 {
                decoder.problem(node, path, Fault::syntax("filePathPosition must not be negative"));
            }
            target
        });
        targets.into_iter().map(|target| target.value).collect()
    }
}
