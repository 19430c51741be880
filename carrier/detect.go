package carrier

import (
	"cmp"
	"slices"
	"time"
)

// Seen is a carrier as devices name it, and how many do.
type Seen struct {
	Carrier string
	Devices int64
}

// Found is a carrier that devices name and the table does not, with what is known of its gateway.
type Found struct {
	Seen
	Known Gateway // zero = nothing is known
}

// Unserved is a carrier that devices name and whose gateways take no messages.
type Unserved struct {
	Seen
	Gateway Gateway // one of the carrier's
}

// Detection is what the carriers of devices say about the table, those of most devices first.
type Detection struct {
	New      []Found
	Unserved []Unserved
}

// Detect compares the carriers that devices name with the table, on a day. A line with neither domain nor country says
// that nothing is to be sent, so nothing is missing there.
func Detect(seen []Seen, table []Gateway, on time.Time) (d Detection) {
	for _, s := range together(seen) {
		gateways := slices.DeleteFunc(slices.Clone(table), func(g Gateway) bool { return !g.Serves(s.Carrier) })
		alive := slices.ContainsFunc(gateways, func(g Gateway) bool { return !g.Dead(on) })
		switch {
		case len(gateways) == 0:
			known, _ := KnownOf(s.Carrier)
			d.New = append(d.New, Found{s, known})
		case !alive && gateways[0].Country != "":
			d.Unserved = append(d.Unserved, Unserved{s, gateways[0]})
		}
	}
	return d
}

// together counts spellings of one name together, under the one that most devices use. Blank names are nobody's.
func together(seen []Seen) (list []Seen) {
	seen = slices.Clone(seen)
	slices.SortFunc(seen, byDevices)
	places := map[string]int{}
	for _, s := range seen {
		name := fold(s.Carrier)
		place, met := places[name]
		switch {
		case name == "":
		case met:
			list[place].Devices += s.Devices
		default:
			places[name] = len(list)
			list = append(list, s)
		}
	}
	slices.SortFunc(list, byDevices)
	return list
}

func byDevices(a, b Seen) int {
	return cmp.Or(cmp.Compare(b.Devices, a.Devices), cmp.Compare(a.Carrier, b.Carrier))
}
