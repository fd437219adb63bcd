//! `configMapGenerator` and `secretGenerator`, typed.

use std::collections::BTreeMap;

use plumb_yaml::Node;

use super::decode::{self, At, Decoder, Mode, dotted};
use crate::object::Behavior;

/// An entry of `configMapGenerator` or `secretGenerator`, with `generatorOptions` merged in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generator {
    pub(crate) is_secret: bool,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) secret_type: String,
    pub(crate) behavior: Behavior,
    pub(crate) envs: Vec<At<String>>,
    pub(crate) literals: Vec<At<String>>,
    pub(crate) files: Vec<At<String>>,
    pub(crate) options: GeneratorOptions,
}

/// `generatorOptions`, or the `options` of a generator.
#[derive(Debug, Clone, Default)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

impl Decoder {
    pub(super) fn generators(&mut self, fields: &decode::Fields<'_>) -> Vec<At<Generator>> {
        let global = fields.get("generatorOptions").map(|node| self.generator_options(node, "generatorOptions"));
        let mut generators = Vec::new();
        for (name, is_secret) in [("configMapGenerator", false), ("secretGenerator", true)] {
            generators.extend(self.list(fields.get(name), name, |decoder, node, path| {
                let mut generator = decoder.generator(node, path, is_secret);
                if let Some(global) = &global {
                    generator.options.merge(global);
                }
                generator
            }));
        }
        generators
    }

    pub(crate) fn generator(&mut self, node: &Node, path: &str, is_secret: bool) -> Generator {
        let common = ["name", "namespace", "behavior", "literals", "files", "envs", "env", "options"];
        let known: Vec<&'static str> = common.into_iter().chain(is_secret.then_some("type")).collect();
        let fields = self.fields(node, path, &known);
        let mut envs = self.strings(fields.get("envs"), &dotted(path, "envs"));
        if let Some(node) = fields.get("env") {
            let env = self.located(Some(node), &dotted(path, "env"));
            // The old field counts in a kustomization only, and not in the configuration of a plugin.
            if !env.value.is_empty() && self.mode == Mode::Strict {
                envs.push(env);
            }
        }
        Generator {
            is_secret,
            name: self.text_of(&fields, path, "name"),
            namespace: self.text_of(&fields, path, "namespace"),
            secret_type: self.text_of(&fields, path, "type"),
            behavior: match self.text_of(&fields, path, "behavior").as_str() {
                "create" => Behavior::Create,
                "merge" => Behavior::Merge,
                "replace" => Behavior::Replace,
                // kustomize takes a behavior that it does not know for none.
                _ => Behavior::Unspecified,
            },
            envs,
            literals: self.strings(fields.get("literals"), &dotted(path, "literals")),
            files: self.strings(fields.get("files"), &dotted(path, "files")),
            options: fields
                .get("options")
                .map(|node| self.generator_options(node, &dotted(path, "options")))
                .unwrap_or_default(),
        }
    }

    fn generator_options(&mut self, node: &Node, path: &str) -> GeneratorOptions {
        let known = &["labels", "annotations", "disableNameSuffixHash", "immutable"];
        let fields = self.fields(node, path, known);
        let mut strings =
            |name: &str| fields.get(name).map(|node| self.string_map(node, &dotted(path, name))).unwrap_or_default();
        GeneratorOptions {
            labels: strings("labels"),
            annotations: strings("annotations"),
            disable_name_suffix_hash: self.bool_of(&fields, path, "disableNameSuffixHash"),
            immutable: self.bool_of(&fields, path, "immutable"),
        }
    }
}

impl GeneratorOptions {
    /// What a generator does not say itself, it takes from the options for all generators.
    fn merge(&mut self, global: &Self) {
        for (own, global) in [(&mut self.labels, &global.labels), (&mut self.annotations, &global.annotations)] {
            for (key, value) in global {
                own.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        self.immutable |= global.immutable;
    }
}
