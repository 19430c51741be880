package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// againLimit is how many tests may have failed for a second look at them: more are not bad luck.
const againLimit = 8

// second is what to run once more of one package.
type second struct {
	pkg   string
	tests []string // names of whole tests, without their parts; empty: all
}

// args are those of go test, for flags as the first run had them.
func (s second) args(flags []string) []string {
	args := slices.Clone(flags)
	if len(s.tests) > 0 {
		names := make([]string, len(s.tests))
		for i, name := range s.tests {
			names[i] = regexp.QuoteMeta(name)
		}
		args = append(args, "-run=^("+strings.Join(names, "|")+")$")
	}
	return append(args, s.pkg)
}

// again says what deserves a second look: the tests that failed beside hundreds of others, when they are few. Nothing
// when something did not build or was skipped, which no second look changes.
func (r *report) again() []second {
	if len(r.unbuilt) > 0 || len(r.skipped) > 0 {
		return nil
	}
	byPackage := map[string]*second{}
	var order []string
	for _, e := range r.failures {
		s := byPackage[e.Package]
		if s == nil {
			s = &second{pkg: e.Package}
			byPackage[e.Package] = s
			order = append(order, e.Package)
		}
		if whole, _, _ := strings.Cut(e.Test, "/"); whole != "" && !slices.Contains(s.tests, whole) {
			s.tests = append(s.tests, whole)
		}
	}
	var list []second
	count := 0
	for _, pkg := range order {
		list = append(list, *byPackage[pkg])
		count += max(1, len(byPackage[pkg].tests))
	}
	if count > againLimit {
		return nil
	}
	return list
}

// forgive takes the failures of a package back, after all of them passed by themselves. They stay named at the end: a
// test that fails only in company is a defect to mend, but no reason to distrust what it tests.
func (r *report) forgive(s second) {
	r.failures = slices.DeleteFunc(r.failures, func(e event) bool { return e.Package == s.pkg })
	for _, test := range s.tests {
		r.unsteady = append(r.unsteady, s.pkg+"."+test)
	}
	if len(s.tests) == 0 {
		r.unsteady = append(r.unsteady, s.pkg)
	}
	r.passed += max(1, len(s.tests))
}

// announce says on out that a second look follows.
func (r *report) announce(s second) {
	what := "all its tests"
	if len(s.tests) > 0 {
		what = strings.Join(s.tests, ", ")
	}
	fmt.Fprintf(r.out, "once more, alone: %s: %s\n", s.pkg, what)
}
