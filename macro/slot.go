package macro

import (
	"slices"
	"strings"
)

// A Slot names one value that a text needs: "device.name", "custom.COLOR" (also when
// the text has the bare COLOR), "outofcompliance.reason(smg_block)",
// "outofcompliance.reason()". Slots are equal when they mean the same value.
type Slot string

// Namespace is the part before the first dot: "device".
func (s Slot) Namespace() string {
	namespace, _, _ := strings.Cut(string(s), ".")
	return namespace
}

// Property is the part after the first dot, without an argument: "name", "ios.url",
// "reason".
func (s Slot) Property() string {
	_, property, _ := strings.Cut(string(s), ".")
	property, _, _ = strings.Cut(property, "(")
	return property
}

// Argument is what stands between the brackets ("smg_block"), or empty.
func (s Slot) Argument() string {
	_, argument, found := strings.Cut(string(s), "(")
	if !found {
		return ""
	}
	return strings.TrimSuffix(argument, ")")
}

// namespacesOf lists the namespaces of slots, in order of first use.
func namespacesOf(slots []Slot) []string {
	var names []string
	for _, s := range slots {
		if !slices.Contains(names, s.Namespace()) {
			names = append(names, s.Namespace())
		}
	}
	return names
}
