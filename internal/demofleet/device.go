package demofleet

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"heliograph/fleet"
)

// hardware is a kind of device: its models, and the versions that are still about.
type hardware struct {
	platform fleet.Platform
	title    string // as in "Ana's iPhone"
	phone    bool   // it has a number
	models   []string
	versions []weight[string]
}

var kinds = map[string]hardware{
	"iphone": {fleet.IOS, "iPhone", true,
		[]string{"iPhone SE (3rd generation)", "iPhone 13", "iPhone 14", "iPhone 15", "iPhone 15 Pro", "iPhone 16", "iPhone 16e"},
		[]weight[string]{{"26.1", 20}, {"26.0.1", 18}, {"18.7.1", 18}, {"18.6.2", 22}, {"18.5", 8}, {"17.7.2", 6}, {"17.6.1", 4}, {"16.7.12", 3}, {"15.8.5", 1}}},
	"ipad": {fleet.IPadOS, "iPad", false,
		[]string{"iPad (9th generation)", "iPad (10th generation)", "iPad Air (M2)", "iPad mini (A17 Pro)", "iPad Pro 11-inch (M4)"},
		[]weight[string]{{"26.1", 18}, {"26.0.1", 18}, {"18.7.1", 20}, {"18.6.2", 26}, {"17.7.10", 14}, {"16.7.12", 4}}},
	"android": {fleet.Android, "phone", true,
		[]string{"Samsung Galaxy S24", "Samsung Galaxy A54", "Samsung Galaxy XCover7", "Google Pixel 8", "Google Pixel 9a", "Fairphone 5", "Zebra TC58", "Motorola moto g84"},
		[]weight[string]{{"16", 12}, {"15", 34}, {"14", 28}, {"13", 15}, {"12", 7}, {"11", 4}}},
	"windows": {fleet.Windows, "laptop", false,
		[]string{"Surface Laptop 6", "Surface Go 4", "Latitude 5450", "ThinkPad T14", "EliteBook 840 G11"},
		[]weight[string]{{"10.0.26200", 15}, {"10.0.26100", 45}, {"10.0.22631", 28}, {"10.0.19045", 12}}},
	"mac": {fleet.MacOS, "Mac", false,
		[]string{"MacBook Air (M2)", "MacBook Air (M3)", "MacBook Pro (M4)", "Mac mini (M4)"},
		[]weight[string]{{"26.1", 25}, {"26.0.1", 15}, {"15.7.1", 30}, {"14.8.1", 20}, {"13.7.8", 10}}},
	"other": {fleet.OtherPlatform, "terminal", false, []string{"Ward terminal", "Badge reader"}, []weight[string]{{"4.2", 60}, {"3.19", 40}}},
}

var carriers = map[string][]string{
	"fr": {"Orange", "SFR", "Bouygues Telecom", "Free Mobile"},
	"en": {"EE", "Vodafone", "O2", "Verizon", "T-Mobile", "AT&T"},
	"pt": {"Vivo", "TIM", "Claro", "MEO", "NOS"},
}

// device makes one device of a person, with all that can be wrong with it.
func (m *maker) device(u fleet.User, nth int, kind string) fleet.Device {
	d := m.healthy(u, nth, kind)
	if m.chance(0.02) {
		d.Jailbroken, d.Compliant = true, false
	} else if m.chance(0.045) {
		d.Compliant = false
	}
	d.Managed = m.chance(0.97)
	d.Ownership = weighted(m, []weight[fleet.Ownership]{{fleet.Corporate, 70}, {fleet.BYOD, 25}, {fleet.UnknownOwner, 5}})
	d.LastSeen = m.seen()
	if m.chance(0.05) {
		d.Groups = []string{"Pilot ring"}
	}
	if m.chance(0.03) {
		d.Push = nil // the app was never opened
	}
	return d
}

// healthy is a device of the organisation, in order, just seen.
func (m *maker) healthy(u fleet.User, nth int, kind string) fleet.Device {
	k := kinds[kind]
	d := fleet.NewDevice(fleet.DeviceID(fmt.Sprintf("d-%06d-%d", m.i, nth)))
	d.Name = u.GivenName + "'s " + k.title
	d.Platform, d.Model, d.OSVersion = k.platform, pick(m, k.models), weighted(m, k.versions)
	d.SerialNumber = m.serial()
	d.Ownership = fleet.Corporate
	d.User = u.ID
	d.LastSeen = m.Now.Add(-time.Duration(1+m.IntN(120)) * time.Minute).UTC().Truncate(time.Second)
	d.Properties = m.properties(u)
	d.Push = m.token(k.platform)
	if k.phone {
		d.IMEI, d.PhoneNumber = m.imei(), u.Mobile
		if list := carriers[u.Language]; list != nil {
			d.Carrier = pick(m, list)
		}
	}
	return d
}

// seen spreads the last contact as an ordinary fleet has it: most today, some long ago, a few never.
func (m *maker) seen() time.Time {
	day := 24 * time.Hour
	spans := []weight[[2]time.Duration]{
		{[2]time.Duration{time.Minute, 8 * time.Hour}, 68}, {[2]time.Duration{8 * time.Hour, day}, 15},
		{[2]time.Duration{day, 7 * day}, 9}, {[2]time.Duration{7 * day, 30 * day}, 4}, {[2]time.Duration{30 * day, 400 * day}, 3}, {[2]time.Duration{}, 1},
	}
	span := weighted(m, spans)
	if span[1] == 0 {
		return time.Time{}
	}
	ago := span[0] + time.Duration(m.Int64N(int64(span[1]-span[0])))
	return m.Now.Add(-ago).UTC().Truncate(time.Second)
}

func (m *maker) properties(u fleet.User) map[string]string {
	values := map[string]string{
		"ASSET_TAG": fmt.Sprintf("HX-%06d", m.IntN(1_000_000)),
		"FLOOR":     fmt.Sprint(m.IntN(9)),
		"ENCRYPTED": pick(m, []string{"1", "1", "1", "0"}),
	}
	for _, w := range departments {
		if w.value.name == u.Properties["DEPARTMENT"] {
			values["DEPARTMENT"], values["LOCATION"], values["COST_CENTER"] = w.value.name, w.value.building, w.value.costCenter
		}
	}
	return values
}

// serial has 12 letters and digits, without those that are easily mistaken.
func (m *maker) serial() string {
	const letters = "CDFGHJKLMNPQRTVWXY0123456789"
	b := make([]byte, 12)
	for i := range b {
		b[i] = letters[m.IntN(len(letters))]
	}
	return string(b)
}

// imei has 15 digits, of which the last checks the others (Luhn; 3GPP TS 23.003 annex B).
func (m *maker) imei() string {
	digits := []byte("35")
	for len(digits) < 14 {
		digits = append(digits, byte('0'+m.IntN(10)))
	}
	sum := 0
	for i, d := range digits {
		n := int(d - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return string(append(digits, byte('0'+(10-sum%10)%10)))
}

// token is as long as the real ones: 32 bytes in hexadecimal for APNs, 163 characters for FCM. Browsers
// subscribe on PCs.
func (m *maker) token(p fleet.Platform) *fleet.PushToken {
	switch p {
	case fleet.IOS, fleet.IPadOS, fleet.MacOS:
		return &fleet.PushToken{Provider: fleet.APNs, App: m.APNs, Environment: fleet.Production, Token: hex.EncodeToString(m.bytes(32))}
	case fleet.Android:
		text := base64.RawURLEncoding.EncodeToString(m.bytes(123))
		return &fleet.PushToken{Provider: fleet.FCM, App: m.FCM, Environment: fleet.Production, Token: text[:22] + ":APA91b" + text[22:156]}
	case fleet.Windows:
		if m.Subscribe == nil {
			return nil
		}
		return &fleet.PushToken{Provider: fleet.WebPush, App: m.WebPush, Environment: fleet.Production, Token: m.Subscribe("pc-" + hex.EncodeToString(m.bytes(6)))}
	}
	return nil
}

func (m *maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}
