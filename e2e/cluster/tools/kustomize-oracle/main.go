// Command kustomize-oracle answers what `kustomize build` answers, for many inputs in one process.
//
// Each message, in either direction, is its length as four bytes, most significant first, and that many bytes of JSON.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"runtime/debug"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	// The label managed-by names the version of this module, wherever it is linked.
	_ "sigs.k8s.io/kustomize/kustomize/v5/commands/version"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// root is where the files of a question lie, so that `..` can leave them as it can leave a directory on a disk.
const root = "/input"

// question is a tree of files, and the directory in it that is to be built. Without files it is a directory on the disk.
type question struct {
	Files map[string][]byte `json:"files"`
	Dir   string            `json:"dir"`
}

// answer holds what the command prints, or why it refuses.
type answer struct {
	YAML  *string `json:"yaml,omitempty"`
	Error *string `json:"error,omitempty"`
}

func main() {
	// kustomize warns of old fields on every build, to here and there.
	log.SetOutput(io.Discard)
	complaints := os.Stderr
	os.Stderr, _ = os.Open(os.DevNull)
	input, output := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var asked question
		err := read(input, &asked)
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = write(output, asked.answer())
		}
		if err != nil {
			fmt.Fprintln(complaints, "kustomize-oracle:", err)
			os.Exit(1)
		}
	}
}

func (asked question) answer() (given answer) {
	refuse := func(reason string) { given = answer{Error: &reason} }
	defer func() {
		// The command prints a trace and exits with a failure where it panics: that refuses the input too.
		if fault := recover(); fault != nil {
			refuse(fmt.Sprintf("panic: %v\n%s", fault, debug.Stack()))
		}
	}()
	yaml, err := asked.build()
	if err != nil {
		refuse(err.Error())
		return
	}
	return answer{YAML: &yaml}
}

func (asked question) build() (string, error) {
	files, directory, err := asked.files()
	if err != nil {
		return "", err
	}
	if asked.changesSchema() {
		// A process of the command begins with the schemas that are built in and ends after one build.
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(files, directory)
	if err != nil {
		return "", err
	}
	yaml, err := resources.AsYaml()
	return string(yaml), err
}

// files gives the file system to build in, and the directory in it.
func (asked question) files() (filesys.FileSystem, string, error) {
	if asked.Files == nil {
		return filesys.MakeFsOnDisk(), asked.Dir, nil
	}
	files := filesys.MakeFsInMemory()
	if err := files.MkdirAll(root); err != nil {
		return nil, "", err
	}
	for name, content := range asked.Files {
		if err := files.WriteFile(path.Join(root, name), content); err != nil {
			return nil, "", err
		}
	}
	return files, path.Join(root, asked.Dir), nil
}

// changesSchema tells whether a build might change the schemas, which kustomize holds in global variables.
func (asked question) changesSchema() bool {
	if asked.Files == nil {
		return true
	}
	for _, content := range asked.Files {
		if strings.Contains(strings.ToLower(string(content)), "openapi") {
			return true
		}
	}
	return false
}

func read(from io.Reader, into any) error {
	var length uint32
	if err := binary.Read(from, binary.BigEndian, &length); err != nil {
		return err
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(from, text); err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func write(to *bufio.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := binary.Write(to, binary.BigEndian, uint32(len(text))); err != nil {
		return err
	}
	if _, err := to.Write(text); err != nil {
		return err
	}
	return to.Flush()
}
