//! The kustomization file, typed.

pub(crate) mod configuration;
pub(crate) mod decode;
pub(crate) mod generator;
pub(crate) mod helm;
pub(crate) mod replacement;
mod spelling;
pub(crate) mod var;

use std::collections::BTreeMap;

use plumb_yaml::{Data, Node};

use crate::build_metadata::BuildMetadata;
use crate::error::Fault;
use crate::fieldspec::FieldSpec;
use crate::id::Gvk;
use decode::{At, Decoder, Problem, dotted};
use generator::Generator;
use helm::HelmChart;
use replacement::ReplacementEntry;
use var::Var;

/// What a kustomization file says.
#[derive(Debug, Default)]
pub(crate) struct Kustomization {
    pub(crate) is_component: bool,
    pub(crate) resources: Vec<At<String>>,
    pub(crate) components: Vec<At<String>>,
    pub(crate) configurations: Vec<At<String>>,
    pub(crate) crds: Vec<At<String>>,
    pub(crate) openapi: Option<At<BTreeMap<String, String>>>,
    pub(crate) generators: Vec<At<Generator>>,
    pub(crate) helm_charts: Vec<At<HelmChart>>,
    /// `generators`, `transformers` and `validators`: objects that configure plugins, or the paths of some.
    pub(crate) generator_plugins: Vec<At<String>>,
    pub(crate) transformer_plugins: Vec<At<String>>,
    pub(crate) validators: Vec<At<String>>,
    pub(crate) patches_strategic_merge: Vec<At<String>>,
    pub(crate) patches: Vec<At<Patch>>,
    pub(crate) namespace: At<String>,
    pub(crate) name_prefix: At<String>,
    pub(crate) name_suffix: At<String>,
    pub(crate) labels: Vec<At<Labels>>,
    pub(crate) common_annotations: At<BTreeMap<String, String>>,
    pub(crate) patches_json6902: Vec<At<Patch>>,
    pub(crate) replicas: Vec<At<Replica>>,
    pub(crate) images: Vec<At<Image>>,
    pub(crate) replacements: Vec<At<ReplacementEntry>>,
    pub(crate) vars: Vec<At<Var>>,
    pub(crate) sort: Option<At<Sort>>,
    pub(crate) build_metadata: BuildMetadata,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) target: Option<Target>,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// Which objects a patch is for; the parts are regular expressions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) label_selector: String,
    pub(crate) annotation_selector: String,
}

/// An entry of `labels`, or all of `commonLabels`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include: Include,
    pub(crate) fields: Vec<FieldSpec>,
}

/// Which fields get labels, besides those that an entry lists.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Include {
    /// Those of `commonLabels`, and nothing else.
    Common,
    Selectors,
    Metadata {
        templates: bool,
        claim_templates: bool,
    },
}

impl Default for Include {
    fn default() -> Self {
        Self::Metadata { templates: false, claim_templates: false }
    }
}

/// An entry of `images`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) new_name: String,
    pub(crate) new_tag: String,
    pub(crate) tag_suffix: String,
    pub(crate) digest: String,
}

/// An entry of `replicas`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// `sortOptions`.
#[derive(Debug, Clone)]
pub(crate) enum Sort {
    Fifo,
    Legacy(Option<(Vec<String>, Vec<String>)>),
}

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "bases",
    "components",
    "namespace",
    "namePrefix",
    "nameSuffix",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "patches",
    "patchesStrategicMerge",
    "patchesJson6902",
    "images",
    "imageTags",
    "replicas",
    "configMapGenerator",
    "secretGenerator",
    "generatorOptions",
    "sortOptions",
    "buildMetadata",
    "configurations",
    "crds",
    "generators",
    "helmChartInflationGenerator",
    "helmCharts",
    "helmGlobals",
    "openapi",
    "replacements",
    "transformers",
    "validators",
    "vars",
];

impl Kustomization {
    /// Reads a kustomization file, and says everything that is wrong with it.
    pub(crate) fn decode(node: &Node) -> Result<Self, Vec<Problem>> {
        let mut decoder = Decoder::default();
        let joined = spelling::join(node);
        let kustomization = decoder.kustomization(joined.as_ref().unwrap_or(node));
        decoder.problems.sort_by_key(|problem| problem.line);
        if decoder.problems.is_empty() { Ok(kustomization) } else { Err(decoder.problems) }
    }
}

impl Decoder {
    fn kustomization(&mut self, node: &Node) -> Kustomization {
        let fields = self.fields(node, "", FIELDS);
        let is_component = self.type_meta(node, &fields);
        // Everything but the type says something; a list without entries is enough, an empty text is not.
        let says = |(name, node): (&&str, &&Node)| match &node.data {
            Data::String(text) => !matches!(*name, "apiVersion" | "kind") && !text.is_empty(),
            Data::Sequence(items) => !matches!(*name, "bases" | "imageTags") || !items.is_empty(),
            _ => !matches!(*name, "apiVersion" | "kind"),
        };
        if !fields.iter().any(says) && self.problems.is_empty() {
            self.problem(
                node,
                "",
                Fault::syntax("the kustomization is empty; it needs at least one field, such as resources"),
            );
        }
        if let Some(metadata) = fields.get("metadata") {
            let inner = self.fields(metadata, "metadata", &["name", "namespace", "labels", "annotations"]);
            for name in ["labels", "annotations"] {
                inner.get(name).map(|node| self.string_map(node, &dotted("metadata", name)));
            }
            for name in ["name", "namespace"] {
                self.text_of(&inner, "metadata", name);
            }
        }
        let mut resources = self.strings(fields.get("resources"), "resources");
        resources.extend(self.strings(fields.get("bases"), "bases"));
        let mut images = self.list(fields.get("images"), "images", Self::image);
        images.extend(self.list(fields.get("imageTags"), "imageTags", Self::image));
        let mut labels = self.list(fields.get("labels"), "labels", Self::labels);
        if let Some(node) = fields.get("commonLabels") {
            let pairs = self.string_map(node, "commonLabels");
            let value = Labels { pairs, include: Include::Common, fields: Vec::new() };
            labels.push(At { line: node.line, field: "commonLabels".to_owned(), value });
        }
        Kustomization {
            is_component,
            resources,
            components: self.strings(fields.get("components"), "components"),
            openapi: fields.get("openapi").map(|node| At {
                line: node.line,
                field: "openapi".to_owned(),
                value: self.string_map(node, "openapi"),
            }),
            crds: self.strings(fields.get("crds"), "crds"),
            configurations: self.strings(fields.get("configurations"), "configurations"),
            generators: self.generators(&fields),
            helm_charts: self.helm_charts(&fields),
            generator_plugins: self.strings(fields.get("generators"), "generators"),
            transformer_plugins: self.strings(fields.get("transformers"), "transformers"),
            validators: self.strings(fields.get("validators"), "validators"),
            patches_strategic_merge: self.strings(fields.get("patchesStrategicMerge"), "patchesStrategicMerge"),
            patches: self.list(fields.get("patches"), "patches", Self::patch),
            namespace: self.located(fields.get("namespace"), "namespace"),
            name_prefix: self.located(fields.get("namePrefix"), "namePrefix"),
            name_suffix: self.located(fields.get("nameSuffix"), "nameSuffix"),
            labels,
            common_annotations: fields.get("commonAnnotations").map_or_else(At::default, |node| At {
                line: node.line,
                field: "commonAnnotations".to_owned(),
                value: self.string_map(node, "commonAnnotations"),
            }),
            patches_json6902: self.list(fields.get("patchesJson6902"), "patchesJson6902", Self::patch),
            replicas: self.list(fields.get("replicas"), "replicas", Self::replica),
            images,
            replacements: self.list(fields.get("replacements"), "replacements", |decoder, node, path| {
                decoder.replacement_entry(node, path).without_empty_targets()
            }),
            vars: self.list(fields.get("vars"), "vars", Self::var),
            build_metadata: BuildMetadata(
                self.strings(fields.get("buildMetadata"), "buildMetadata")
                    .into_iter()
                    .map(|entry| entry.value)
                    .collect(),
            ),
            sort: fields.get("sortOptions").and_then(|node| self.sort(node)),
        }
    }

    /// Checks apiVersion and kind; says whether the kustomization is a component.
    fn type_meta(&mut self, node: &Node, fields: &decode::Fields<'_>) -> bool {
        let kind = self.text_of(fields, "", "kind");
        let api_version = self.text_of(fields, "", "apiVersion");
        let wanted = match kind.as_str() {
            "" | "Kustomization" => "kustomize.config.k8s.io/v1beta1",
            "Component" => "kustomize.config.k8s.io/v1alpha1",
            other => {
                let at = fields.get("kind").copied().unwrap_or(node);
                self.problem(at, "kind", Fault::syntax(format!("expected Kustomization or Component, found {other}; an object belongs in another file, listed under resources")));
                return false;
            }
        };
        if !api_version.is_empty() && api_version != wanted {
            let at = fields.get("apiVersion").copied().unwrap_or(node);
            self.problem(at, "apiVersion", Fault::syntax(format!("expected {wanted}, found {api_version}")));
        }
        kind == "Component"
    }

    pub(crate) fn list<T>(
        &mut self,
        node: Option<&&Node>,
        field: &str,
        mut read: impl FnMut(&mut Self, &Node, &str) -> T,
    ) -> Vec<At<T>> {
        let Some(node) = node else { return Vec::new() };
        let items = self.items(node, field);
        items.into_iter().map(|(field, item)| At { line: item.line, value: read(self, item, &field), field }).collect()
    }

    pub(crate) fn patch(&mut self, node: &Node, path: &str) -> Patch {
        if matches!(node.data, Data::String(_)) {
            self.problem(
                node,
                path,
                Fault::syntax("expected a map, found a string; write path: before the name of a file"),
            );
            return Patch::default();
        }
        let fields = self.fields(node, path, &["path", "patch", "target", "options"]);
        let options = fields.get("options").map(|node| {
            let path = dotted(path, "options");
            let fields = self.fields(node, &path, &["allowNameChange", "allowKindChange"]);
            (self.bool_of(&fields, &path, "allowNameChange"), self.bool_of(&fields, &path, "allowKindChange"))
        });
        let (allow_name_change, allow_kind_change) = options.unwrap_or_default();
        Patch {
            path: self.text_of(&fields, path, "path"),
            text: self.text_of(&fields, path, "patch"),
            target: fields.get("target").map(|node| self.target(node, &dotted(path, "target"))),
            allow_name_change,
            allow_kind_change,
        }
    }

    pub(crate) fn target(&mut self, node: &Node, path: &str) -> Target {
        let known = &["group", "version", "kind", "name", "namespace", "labelSelector", "annotationSelector"];
        let fields = self.fields(node, path, known);
        Target {
            gvk: self.gvk(&fields, path),
            name: self.embedded(|decoder| decoder.text_of(&fields, path, "name")),
            namespace: self.embedded(|decoder| decoder.text_of(&fields, path, "namespace")),
            label_selector: self.text_of(&fields, path, "labelSelector"),
            annotation_selector: self.text_of(&fields, path, "annotationSelector"),
        }
    }

    pub(crate) fn gvk(&mut self, fields: &decode::Fields<'_>, path: &str) -> Gvk {
        self.embedded(|decoder| Gvk {
            group: decoder.text_of(fields, path, "group"),
            version: decoder.text_of(fields, path, "version"),
            kind: decoder.text_of(fields, path, "kind"),
        })
    }

    fn labels(&mut self, node: &Node, path: &str) -> Labels {
        let known = &["pairs", "includeSelectors", "includeTemplates", "includeVolumeClaimTemplates", "fields"];
        let fields = self.fields(node, path, known);
        let selectors = self.bool_of(&fields, path, "includeSelectors");
        let templates = self.bool_of(&fields, path, "includeTemplates");
        let claim_templates = self.bool_of(&fields, path, "includeVolumeClaimTemplates");
        Labels {
            pairs: fields.get("pairs").map(|node| self.string_map(node, &dotted(path, "pairs"))).unwrap_or_default(),
            include: if selectors { Include::Selectors } else { Include::Metadata { templates, claim_templates } },
            fields: self.field_specs(&fields, path, "fields", Self::text_of),
        }
    }

    pub(crate) fn image(&mut self, node: &Node, path: &str) -> Image {
        let fields = self.fields(node, path, &["name", "newName", "newTag", "tagSuffix", "digest"]);
        Image {
            name: self.text_of(&fields, path, "name"),
            new_name: self.text_of(&fields, path, "newName"),
            new_tag: self.text_of(&fields, path, "newTag"),
            tag_suffix: self.text_of(&fields, path, "tagSuffix"),
            digest: self.text_of(&fields, path, "digest"),
        }
    }

    pub(crate) fn replica(&mut self, node: &Node, path: &str) -> Replica {
        let fields = self.fields(node, path, &["name", "count"]);
        Replica {
            name: self.text_of(&fields, path, "name"),
            count: fields.get("count").map_or(0, |node| self.integer(node, &dotted(path, "count"))),
        }
    }

    fn sort(&mut self, node: &Node) -> Option<At<Sort>> {
        let fields = self.fields(node, "sortOptions", &["order", "legacySortOptions"]);
        let lists = fields.get("legacySortOptions").map(|node| {
            let path = "sortOptions.legacySortOptions";
            let fields = self.fields(node, path, &["orderFirst", "orderLast"]);
            let mut kinds = |name: &str| {
                let kinds = self.strings(fields.get(name), &dotted(path, name));
                kinds.into_iter().map(|kind| kind.value).collect()
            };
            (kinds("orderFirst"), kinds("orderLast"))
        });
        let value = match (self.text_of(&fields, "sortOptions", "order").as_str(), lists) {
            ("fifo", None) => Sort::Fifo,
            ("legacy", lists) => Sort::Legacy(lists),
            ("fifo", Some(_)) => {
                let fault = Fault::syntax("legacySortOptions needs order: legacy, found fifo");
                self.problem(node, "sortOptions", fault);
                return None;
            }
            (other, _) => {
                let found = if other.is_empty() { "nothing".to_owned() } else { format!("{other:?}") };
                let fault = Fault::syntax(format!("expected fifo or legacy, found {found}"));
                self.problem(node, "sortOptions.order", fault);
                return None;
            }
        };
        Some(At { line: node.line, field: "sortOptions".to_owned(), value })
    }
}
