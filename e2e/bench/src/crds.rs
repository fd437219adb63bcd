//! An overlay of about 3 MB of CustomResourceDefinitions, as large operators ship them, made anew for each run.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;

/// Words of descriptions.
const WORDS: &[&str] = &[
    "the",
    "of",
    "desired",
    "state",
    "controller",
    "will",
    "set",
    "when",
    "object",
    "is",
    "not",
    "ready",
    "field",
    "value",
    "must",
    "be",
    "selector",
    "matches",
    "labels",
    "name",
    "in",
    "namespace",
    "defaults",
    "to",
    "template",
    "more",
    "info:",
    "https://kubernetes.io/docs/concepts/overview/working-with-objects",
    "list",
    "`kind`",
];

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }

    fn sentence(&mut self, words: usize) -> String {
        (0..words).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}

/// Writes a base of definitions and an overlay with labels, annotations and patches. Returns how many bytes the base has.
pub(crate) fn write(directory: &Path) -> Result<usize> {
    let (base, overlay) = (directory.join("base"), directory.join("overlay"));
    fs::create_dir_all(&base)?;
    fs::create_dir_all(&overlay)?;
    let mut numbers = Numbers(42);
    let mut kustomization = "resources:\n".to_owned();
    let mut bytes = 0;
    for number in 0..10 {
        let text = definition(number, &mut numbers)?;
        bytes += text.len();
        writeln!(kustomization, "  - crd-{number}.yaml")?;
        fs::write(base.join(format!("crd-{number}.yaml")), text)?;
    }
    fs::write(base.join("kustomization.yaml"), kustomization)?;
    let overlay_text = "resources: [../base]\n\
        labels:\n  - pairs: {app.kubernetes.io/part-of: bench}\n\
        commonAnnotations: {bench.example.com/made: anew}\n\
        patches:\n  - target: {kind: CustomResourceDefinition, name: 'kind-.*'}\n    \
        patch: |-\n      - op: add\n        path: /spec/conversion\n        value: {strategy: None}\n";
    fs::write(overlay.join("kustomization.yaml"), overlay_text)?;
    Ok(bytes)
}

fn definition(number: usize, numbers: &mut Numbers) -> Result<String> {
    let mut text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: kind-{number}s.bench.example.com\nspec:\n  group: bench.example.com\n  names:\n    kind: Kind{number}\n    plural: kind-{number}s\n  scope: Namespaced\n  versions:\n"
    );
    for version in ["v1alpha1", "v1beta1", "v1"] {
        write!(
            text,
            "    - name: {version}\n      served: true\n      storage: {}\n      schema:\n        openAPIV3Schema:\n          type: object\n          properties:\n",
            version == "v1"
        )?;
        properties(&mut text, numbers, 12, 4)?;
    }
    Ok(text)
}

fn properties(text: &mut String, numbers: &mut Numbers, indent: usize, depth: usize) -> Result<()> {
    let pad = " ".repeat(indent);
    for number in 0..3 + numbers.below(3) {
        let words = 6 + numbers.below(24);
        writeln!(text, "{pad}field{number}:")?;
        // Long descriptions come folded, as controller-gen writes them.
        writeln!(
            text,
            "{pad}  description: |-\n{pad}    {}\n{pad}    {}",
            numbers.sentence(words),
            numbers.sentence(7)
        )?;
        match numbers.below(if depth == 0 { 2 } else { 5 }) {
            0 => writeln!(text, "{pad}  type: string\n{pad}  maxLength: 253")?,
            1 => writeln!(text, "{pad}  format: int32\n{pad}  minimum: 0\n{pad}  type: integer")?,
            2 => {
                writeln!(text, "{pad}  items:\n{pad}    properties:")?;
                properties(text, numbers, indent + 6, depth - 1)?;
                writeln!(text, "{pad}    required: [field0]\n{pad}    type: object\n{pad}  type: array")?;
            }
            _ => {
                writeln!(text, "{pad}  properties:")?;
                properties(text, numbers, indent + 4, depth - 1)?;
                writeln!(text, "{pad}  type: object")?;
            }
        }
    }
    Ok(())
}
