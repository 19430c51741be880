package main

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// release is set when a release is built: -ldflags "-X main.release=1.2.3".
var release = ""

type versionCmd struct{}

// Run prints one line: the version, the commit it was built from and the Go version.
func (versionCmd) Run(term terminal) error {
	_, err := fmt.Fprintln(term.out, "heliograph", version())
	return err
}

// version puts together what the Go tool wrote into the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return strings.TrimSpace(release + " unknown build")
	}
	built := map[string]string{}
	for _, s := range info.Settings {
		built[s.Key] = s.Value
	}
	words := []string{release}
	if release == "" {
		words[0] = "development"
	}
	if commit := built["vcs.revision"]; commit != "" {
		words = append(words, "commit "+commit[:min(12, len(commit))])
	}
	if built["vcs.modified"] == "true" {
		words = append(words, "modified")
	}
	if at := built["vcs.time"]; at != "" {
		words = append(words, "of "+at)
	}
	return strings.Join(append(words, info.GoVersion, built["GOOS"]+"/"+built["GOARCH"]), " ")
}
