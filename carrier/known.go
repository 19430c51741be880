package carrier

import "time"

// known are the carriers that fleets name most, and what is publicly said about their gateways. A carrier without a
// domain is one whose gateway is closed or was never made public.
var known = []Gateway{
	{Carrier: "Alltel", Country: "+1"},
	{Carrier: "AT&T", Country: "+1", Domain: "txt.att.net", EndsOn: day(2025, time.June, 17), Note: "AT&T has closed its gateways."},
	{Carrier: "AT&T", Country: "+1", Domain: "mms.att.net", EndsOn: day(2025, time.June, 17), Note: "AT&T has closed its gateways."},
	{Carrier: "Boost Mobile", Country: "+1"},
	{Carrier: "Bouygues Telecom", Country: "+33"},
	{Carrier: "Cingular", Country: "+1"},
	{Carrier: "Cricket", Country: "+1"},
	{Carrier: "Google Fi", Country: "+1"},
	{Carrier: "Metro PCS", Country: "+1"},
	{Carrier: "Nextel", Country: "+1"},
	{Carrier: "NONE", Note: "For devices that report no carrier: nothing is sent to them by e-mail."},
	{Carrier: "Orange", Country: "+33"},
	{Carrier: "Powertel", Country: "+1"},
	{Carrier: "SFR", Country: "+33"},
	{Carrier: "Sprint", Country: "+1", Note: "Sprint has retired its gateway."},
	{Carrier: "SunCom", Country: "+1"},
	{Carrier: "T-Mobile", Country: "+1", Domain: "tmomail.net", Doubtful: true, Note: "Reported to lose messages without a word since late 2024; T-Mobile itself has not said so."},
	{Carrier: "US Cellular", Country: "+1"},
	{Carrier: "Verizon", Country: "+1", Domain: "vtext.com", EndsOn: day(2027, time.March, 31), Doubtful: true, Note: "Unreliable already."},
	{Carrier: "Verizon", Country: "+1", Domain: "vzwpix.com", EndsOn: day(2027, time.March, 31), Doubtful: true, Note: "Unreliable already."},
	{Carrier: "Virgin Mobile", Country: "+1"},
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Known are the gateways that a new installation begins with, by carrier, without ids. They are a start and no promise:
// each has what was known about its end.
func Known() []Gateway { return append([]Gateway(nil), known...) }

// KnownOf is what is known of a carrier as a device names it: the gateway that lives longest, so that one that is closed
// comes last. ok is false when the carrier is not known.
func KnownOf(name string) (best Gateway, ok bool) {
	for _, g := range known {
		if g.Serves(name) && (!ok || outlives(g, best)) {
			best, ok = g, true
		}
	}
	return best, ok
}

// outlives compares the last days of two gateways; none known is later than any.
func outlives(a, b Gateway) bool {
	return !b.EndsOn.IsZero() && (a.EndsOn.IsZero() || a.EndsOn.After(b.EndsOn))
}
