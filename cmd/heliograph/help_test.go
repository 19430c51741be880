package main

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every flag is explained, has its twin in the environment, and says its default: kong shows one only where no
// placeholder stands in its place.
func TestEveryFlagIsExplained(t *testing.T) {
	parser, err := newParser(new(cli))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Leaves(true) {
		for _, group := range command.AllFlags(true) {
			for _, flag := range group {
				explained(t, command.Path(), flag)
			}
		}
	}
}

func explained(t *testing.T, command string, flag *kong.Flag) {
	t.Helper()
	if flag.Name == "help" {
		return
	}
	if !strings.HasSuffix(flag.Help, ".") && !strings.HasSuffix(flag.Help, "…") {
		t.Errorf("%s --%s: the explanation %q is no sentence", command, flag.Name, flag.Help)
	}
	if want := "HELIOGRAPH_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")); len(flag.Envs) != 1 || flag.Envs[0] != want {
		t.Errorf("%s --%s: has the variables %q, want %s", command, flag.Name, flag.Envs, want)
	}
	if flag.HasDefault && flag.PlaceHolder != "" && !strings.Contains(flag.Help, "Default: ") {
		t.Errorf("%s --%s: the default %q is not said", command, flag.Name, flag.Default)
	}
}
