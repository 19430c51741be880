package console

import (
	"context"
	"slices"

	"github.com/a-h/templ"

	"heliograph/fleet"
)

// branch is a heading of the filter tree with its leaves.
type branch struct {
	Name   string // its title in the catalogue: "tree.<Name>"
	Leaves []leaf
}

// leaf is one condition: a click asks for it, another one takes it back.
type leaf struct {
	Label   string
	Picture string // icon; empty = none
	N       int64
	Path    string
	On      bool
	Leaves  []leaf // versions of a platform
	Open    bool   // its leaves are shown
}

// branches draws the tree of a fleet for a query.
func branches(ctx context.Context, q deviceQuery, f fleet.Figures) []branch {
	list := []branch{
		{"platform", platformLeaves(ctx, q, f)},
		{"ownership", ownershipLeaves(ctx, q, f)},
		{"status", statusLeaves(ctx, q, f)},
		{"contact", contactLeaves(ctx, q, f)},
		{"group", groupLeaves(q, f)},
	}
	return slices.DeleteFunc(list, func(b branch) bool { return len(b.Leaves) == 0 })
}

func platformLeaves(ctx context.Context, q deviceQuery, f fleet.Figures) (list []leaf) {
	for _, p := range f.Platforms {
		asked := slices.Contains(q.Filter.Platform, p.Platform)
		one := leaf{
			Label: platformName(ctx, p.Platform), Picture: platformPicture(p.Platform), N: p.Devices,
			On: asked && q.Filter.OSVersion == nil,
			Path: q.with(func(f *fleet.Filter) {
				if f.OSVersion == nil {
					f.Platform = toggled(f.Platform, p.Platform)
				} else { // from one version to the whole platform
					f.Platform, f.OSVersion = []fleet.Platform{p.Platform}, nil
				}
			}),
			Open: asked,
		}
		for _, v := range p.Versions {
			one.Leaves = append(one.Leaves, versionLeaf(ctx, q, p.Platform, v))
		}
		list = append(list, one)
	}
	return list
}

func versionLeaf(ctx context.Context, q deviceQuery, p fleet.Platform, v fleet.VersionFigure) leaf {
	want := fleet.VersionCondition{Op: fleet.Eq, Value: v.Version}
	label := v.Version
	if v.Version == "" {
		want, label = fleet.VersionCondition{Op: fleet.Missing}, t(ctx, "tree.version.unknown")
	}
	on := slices.Equal(q.Filter.Platform, []fleet.Platform{p}) && is(q.Filter.OSVersion, want)
	return leaf{Label: label, N: v.Devices, On: on, Path: q.with(func(f *fleet.Filter) {
		f.Platform, f.OSVersion = []fleet.Platform{p}, &want
		if on {
			f.OSVersion = nil
		}
	})}
}

func ownershipLeaves(ctx context.Context, q deviceQuery, f fleet.Figures) (list []leaf) {
	for _, o := range fleet.Ownerships {
		if n := f.Ownership[o]; n > 0 || slices.Contains(q.Filter.Ownership, o) {
			list = append(list, leaf{
				Label: tf(ctx, "ownership", string(o)), N: n, On: slices.Contains(q.Filter.Ownership, o),
				Path: q.with(func(f *fleet.Filter) { f.Ownership = toggled(f.Ownership, o) }),
			})
		}
	}
	return list
}

func statusLeaves(ctx context.Context, q deviceQuery, f fleet.Figures) []leaf {
	return []leaf{
		{Label: t(ctx, "status.compliant"), N: f.Compliant, On: is(q.Filter.Compliant, true),
			Path: q.with(func(f *fleet.Filter) { f.Compliant = flipped(f.Compliant, true) })},
		{Label: t(ctx, "status.noncompliant"), N: f.Devices - f.Compliant, On: is(q.Filter.Compliant, false),
			Path: q.with(func(f *fleet.Filter) { f.Compliant = flipped(f.Compliant, false) })},
		{Label: t(ctx, "status.jailbroken"), N: f.Jailbroken, On: is(q.Filter.Jailbroken, true),
			Path: q.with(func(f *fleet.Filter) { f.Jailbroken = flipped(f.Jailbroken, true) })},
		{Label: t(ctx, "status.unmanaged"), N: f.Devices - f.Managed, On: is(q.Filter.Managed, false),
			Path: q.with(func(f *fleet.Filter) { f.Managed = flipped(f.Managed, false) })},
	}
}

// contactDays are the limits of the tree, with the contacts that lie beyond each.
var contactDays = []struct {
	days   int
	beyond []fleet.Contact
}{
	{1, []fleet.Contact{fleet.Within7Days, fleet.Within30Days, fleet.Longer, fleet.Never}},
	{7, []fleet.Contact{fleet.Within30Days, fleet.Longer, fleet.Never}},
	{30, []fleet.Contact{fleet.Longer, fleet.Never}},
}

func contactLeaves(ctx context.Context, q deviceQuery, f fleet.Figures) (list []leaf) {
	for _, c := range contactDays {
		var n int64
		for _, figure := range f.Contact {
			if slices.Contains(c.beyond, figure.Contact) {
				n += figure.Devices
			}
		}
		list = append(list, leaf{
			Label: tn(ctx, "tree.contact.days", int64(c.days)), N: n, On: is(q.Filter.InactiveDaysMin, c.days),
			Path: q.with(func(f *fleet.Filter) { f.InactiveDaysMin = flipped(f.InactiveDaysMin, c.days) }),
		})
	}
	return list
}

func groupLeaves(q deviceQuery, f fleet.Figures) (list []leaf) {
	for _, g := range f.Groups {
		list = append(list, leaf{
			Label: g.Name, N: g.Devices, On: slices.Contains(q.Filter.Group, g.Name),
			Path: q.with(func(f *fleet.Filter) { f.Group = toggled(f.Group, g.Name) }),
		})
	}
	return list
}

// platformPicture is the icon of a platform.
func platformPicture(p fleet.Platform) string {
	switch p {
	case fleet.IOS, fleet.IPadOS, fleet.MacOS:
		return "brand-apple"
	case fleet.Android:
		return "brand-android"
	case fleet.Windows:
		return "brand-windows"
	}
	return "device-mobile"
}

// chip is a condition that holds now, and the address without it.
type chip struct{ Label, Path string }

// chips lists the conditions of a query in words.
func chips(ctx context.Context, q deviceQuery) (list []chip) {
	for _, c := range conditions(ctx, q.Filter) {
		list = append(list, chip{c.words, q.with(c.without)})
	}
	return list
}

// condition is one part of a filter in words, and how to take it out.
type condition struct {
	words   string
	without func(*fleet.Filter)
}

func conditions(ctx context.Context, f fleet.Filter) (list []condition) {
	add := func(words string, without func(*fleet.Filter)) { list = append(list, condition{words, without}) }
	if f.Search != "" {
		add(t(ctx, "chip.search", f.Search), func(f *fleet.Filter) { f.Search = "" })
	}
	for _, p := range f.Platform {
		add(platformName(ctx, p), func(f *fleet.Filter) {
			f.Platform = toggled(f.Platform, p)
			if len(f.Platform) == 0 {
				f.OSVersion = nil
			}
		})
	}
	if v := f.OSVersion; v != nil {
		add(t(ctx, "chip.version", opWords(ctx, v.Op), v.Value), func(f *fleet.Filter) { f.OSVersion = nil })
	}
	for _, o := range f.Ownership {
		add(tf(ctx, "ownership", string(o)), func(f *fleet.Filter) { f.Ownership = toggled(f.Ownership, o) })
	}
	list = append(list, statusConditions(ctx, f)...)
	for _, g := range f.Group {
		add(t(ctx, "chip.group", g), func(f *fleet.Filter) { f.Group = toggled(f.Group, g) })
	}
	for _, p := range f.Property {
		add(t(ctx, "chip.property", p.Name, opWords(ctx, p.Op), p.Value), func(f *fleet.Filter) { f.Property = toggled(f.Property, p) })
	}
	return list
}

func statusConditions(ctx context.Context, f fleet.Filter) (list []condition) {
	for _, flag := range []struct {
		value   *bool
		yes, no string
		without func(*fleet.Filter)
	}{
		{f.Compliant, "status.compliant", "status.noncompliant", func(f *fleet.Filter) { f.Compliant = nil }},
		{f.Jailbroken, "status.jailbroken", "status.intact", func(f *fleet.Filter) { f.Jailbroken = nil }},
		{f.Managed, "status.managed", "status.unmanaged", func(f *fleet.Filter) { f.Managed = nil }},
	} {
		switch {
		case flag.value == nil:
		case *flag.value:
			list = append(list, condition{t(ctx, flag.yes), flag.without})
		default:
			list = append(list, condition{t(ctx, flag.no), flag.without})
		}
	}
	if f.InactiveDaysMin != nil {
		list = append(list, condition{tn(ctx, "tree.contact.days", int64(*f.InactiveDaysMin)), func(f *fleet.Filter) { f.InactiveDaysMin = nil }})
	}
	return list
}

// opWords writes a comparison.
func opWords(ctx context.Context, op fleet.Op) string { return tf(ctx, "op", string(op)) }

// longBranch is how many leaves are shown before the rest is folded away.
const longBranch = 8

func anyOn(leaves []leaf) bool { return slices.ContainsFunc(leaves, func(l leaf) bool { return l.On }) }

// applies marks a condition that holds.
func applies(on bool) templ.Attributes {
	if on {
		return templ.Attributes{"aria-current": "true"}
	}
	return nil
}
