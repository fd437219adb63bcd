// Writes the tables of merge keys and scopes that kustomize itself uses, in the compact form that the crate embeds.
//
//	go run . > ../src/schema/kubernetes.txt
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// field is a field of a type on the way to a list that is merged.
type field struct {
	name string
	// keys is "-" for what is not a merged list, "@" for a merged list of scalars, else the merge keys joined with commas.
	keys string
	// child is the type of the field or of the elements of the list; empty when nothing below it is merged.
	child string
}

type table struct {
	fields map[string][]field
	// state of a definition: absent (not visited), false (in progress), true (done).
	done map[string]bool
}

func main() {
	t := table{fields: map[string][]field{}, done: map[string]bool{}}
	definitions := openapi.Schema().Definitions
	names := make([]string, 0, len(definitions))
	for name := range definitions {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		t.visit(name)
	}
	t.prune()

	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# Made by agent/kustomize/schema from the OpenAPI %s of sigs.k8s.io/kustomize/kyaml; do not edit.\n", openapi.DefaultOpenAPI)
	ids := map[string]int{}
	var types []string
	for name, fields := range t.fields {
		if len(fields) > 0 {
			types = append(types, name)
		}
	}
	sort.Strings(types)
	for _, name := range types {
		ids[name] = len(ids)
	}
	for _, name := range types {
		fmt.Fprintf(out, "type %s\n", name)
		for _, f := range t.fields[name] {
			child := "-"
			if id, found := ids[f.child]; found {
				child = fmt.Sprint(id)
			}
			fmt.Fprintf(out, "%s %s %s\n", f.name, f.keys, child)
		}
	}
	var kinds, scopes []string
	for _, name := range names {
		for _, meta := range typeMetas(definitions[name]) {
			if id, found := ids[name]; found {
				kinds = append(kinds, fmt.Sprintf("kind %s %s %d\n", meta.APIVersion, meta.Kind, id))
			}
			scopes = append(scopes, scope(meta)...)
		}
	}
	// kustomize knows the scope of these but not their fields, so no definition names them.
	for _, meta := range []yaml.TypeMeta{
		{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		{APIVersion: "v1", Kind: "NodeProxyOptions"},
		{APIVersion: "v1", Kind: "PodAttachOptions"},
		{APIVersion: "v1", Kind: "PodExecOptions"},
		{APIVersion: "v1", Kind: "PodPortForwardOptions"},
		{APIVersion: "v1", Kind: "PodProxyOptions"},
		{APIVersion: "v1", Kind: "ServiceProxyOptions"},
	} {
		scopes = append(scopes, scope(meta)...)
	}
	sort.Strings(kinds)
	sort.Strings(scopes)
	fmt.Fprint(out, strings.Join(kinds, ""), strings.Join(scopes, ""))
}

// scope is the line for the scope of a kind, if that is known.
func scope(meta yaml.TypeMeta) []string {
	namespaced, found := openapi.IsNamespaceScoped(meta)
	switch {
	case !found:
		return nil
	case namespaced:
		return []string{fmt.Sprintf("namespaced %s %s\n", meta.APIVersion, meta.Kind)}
	default:
		return []string{fmt.Sprintf("cluster %s %s\n", meta.APIVersion, meta.Kind)}
	}
}

func typeMetas(schema spec.Schema) (metas []yaml.TypeMeta) {
	list, _ := schema.Extensions["x-kubernetes-group-version-kind"].([]interface{})
	for _, entry := range list {
		m, _ := entry.(map[string]interface{})
		version, _ := m["version"].(string)
		kind, _ := m["kind"].(string)
		if group, _ := m["group"].(string); group != "" {
			version = group + "/" + version
		}
		metas = append(metas, yaml.TypeMeta{APIVersion: version, Kind: kind})
	}
	return metas
}

func (t *table) visit(name string) {
	if _, seen := t.done[name]; seen {
		return
	}
	t.done[name] = false
	schema := openapi.Schema().Definitions[name]
	properties := make([]string, 0, len(schema.Properties))
	for property := range schema.Properties {
		properties = append(properties, property)
	}
	sort.Strings(properties)
	for _, property := range properties {
		t.add(name, property, schema.Properties[property])
	}
	if extra := schema.AdditionalProperties; extra != nil && extra.Schema != nil {
		t.add(name, "*", *extra.Schema)
	}
	t.done[name] = true
}

func (t *table) add(owner, name string, schema spec.Schema) {
	rs := openapi.ResourceSchema{Schema: &schema}
	strategy, keys := rs.PatchStrategyAndKeyList()
	merged := false
	for _, s := range strings.Split(strategy, ",") {
		merged = merged || s == "merge"
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		if merged {
			joined := strings.Join(keys, ",")
			if joined == "" {
				joined = "@"
			}
			t.fields[owner] = append(t.fields[owner], field{name, joined, t.reference(*schema.Items.Schema)})
		}
		return
	}
	child := t.reference(schema)
	if child == "" && schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		if inner := t.reference(*schema.AdditionalProperties.Schema); inner != "" {
			// A map of objects becomes a type of its own whose only field stands for every key.
			child = owner + "." + name + ".*"
			t.fields[child] = []field{{"*", "-", inner}}
		}
	}
	if child != "" {
		t.fields[owner] = append(t.fields[owner], field{name, "-", child})
	}
}

func (t *table) reference(schema spec.Schema) string {
	ref := schema.Ref.String()
	if ref == "" {
		return ""
	}
	name := strings.TrimPrefix(ref, "#/definitions/")
	t.visit(name)
	return name
}

// prune drops what leads to no merged list, until nothing more is dropped.
func (t *table) prune() {
	useful := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for name, fields := range t.fields {
			for _, f := range fields {
				if !useful[name] && (f.keys != "-" || useful[f.child]) {
					useful[name] = true
					changed = true
				}
			}
		}
	}
	for name, fields := range t.fields {
		var kept []field
		for _, f := range fields {
			if f.keys != "-" || useful[f.child] {
				kept = append(kept, f)
			}
		}
		t.fields[name] = kept
	}
}
