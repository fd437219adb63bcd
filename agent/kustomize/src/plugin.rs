//! Plugins: transformers and generators that an object configures, with `apiVersion: builtin` and the name of the plugin as its kind.
//!
//! The fields of a kustomization stand for the same plugins, but an object must say everything itself: there are no field specs but its own.

mod decode;
mod function;

pub(crate) use decode::value_add_targets;
pub(crate) use function::Function;

use std::collections::BTreeMap;

use crate::fieldspec::FieldSpec;
use crate::filters::namespace::Namespace;
use crate::filters::value_add;
use crate::kustomization::decode::At;
use crate::kustomization::generator::Generator;
use crate::kustomization::helm::HelmChart;
use crate::kustomization::replacement::ReplacementEntry;
use crate::kustomization::{Image, Patch, Replica};
use crate::object::Resource;

/// The configuration of a plugin; each is named as in kustomize, without `Transformer` at the end.
#[derive(Debug)]
pub(crate) enum Plugin {
    Annotations {
        annotations: BTreeMap<String, String>,
        specs: Vec<FieldSpec>,
    },
    /// `ConfigMapGenerator` or `SecretGenerator`.
    Generator(Box<Generator>),
    /// A program that is not built in, which may generate or transform.
    Function(Box<Function>),
    Hash,
    HelmChartInflationGenerator(Box<HelmChart>),
    IamPolicyGenerator(IamPolicy),
    ImageTag {
        image: Image,
        specs: Vec<FieldSpec>,
    },
    Label {
        labels: BTreeMap<String, String>,
        specs: Vec<FieldSpec>,
    },
    Namespace {
        namespace: Namespace,
        specs: Vec<FieldSpec>,
    },
    PatchJson6902(Box<Patch>),
    PatchStrategicMerge {
        paths: Vec<At<String>>,
        patches: String,
    },
    Patch(Box<Patch>),
    /// Any of `PrefixTransformer`, `SuffixTransformer` and `PrefixSuffixTransformer`.
    Affix {
        prefix: Option<String>,
        suffix: Option<String>,
        specs: Vec<FieldSpec>,
    },
    Replacement(Vec<At<ReplacementEntry>>),
    ReplicaCount {
        replica: Replica,
        specs: Vec<FieldSpec>,
    },
    ValueAdd {
        value: String,
        targets: Vec<value_add::Target>,
        target_file: String,
    },
}

/// What an `IAMPolicyGenerator` makes an account of.
#[derive(Debug, Default)]
pub(crate) struct IamPolicy {
    pub(crate) cloud: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) account: String,
    pub(crate) project: String,
}

impl Plugin {
    pub(crate) fn is_generator(&self) -> bool {
        matches!(self, Self::Generator(_) | Self::HelmChartInflationGenerator(_) | Self::IamPolicyGenerator(_))
    }
}

impl IamPolicy {
    /// The account as kustomize writes it: into a text, so that names are what they look like.
    pub(crate) fn service_account(&self) -> String {
        let Self { name, namespace, account, project, .. } = self;
        let namespace = if namespace.is_empty() { String::new() } else { format!("\n  namespace: {namespace}") };
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  annotations:\n    \
             iam.gke.io/gcp-service-account: {account}@{project}.iam.gserviceaccount.com\n  name: {name}\n{namespace}"
        )
    }
}

/// Whether an object configures a plugin that kustomize has built in.
pub(crate) fn is_builtin(config: &Resource) -> bool {
    config.api_version() == "builtin"
}

/// How messages call the plugin of an object.
pub(crate) fn describe(config: &Resource) -> String {
    format!("{} {:?}", config.kind(), config.name())
}
