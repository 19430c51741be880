package demofleet

import (
	"time"

	"heliograph/fleet"
)

// friends are the first people of every fleet: whoever shows the product finds one of each kind by name.
var friends = []func(*maker) (fleet.User, []fleet.Device){
	(*maker).ana,
	(*maker).benoit,
	(*maker).chidi,
	(*maker).dana,
	(*maker).emre,
	(*maker).fatima,
}

// ana has an iPhone and an iPad, and all is well.
func (m *maker) ana() (fleet.User, []fleet.Device) {
	u := m.friend("ana", "Ana", "Souza", "pt", "Cardiology", "Enfermeira")
	phone, tablet := m.healthy(u, 1, "iphone"), m.healthy(u, 2, "ipad")
	phone.ID, phone.Model, phone.OSVersion = "ana-iphone", "iPhone 15 Pro", "18.6.2"
	tablet.ID, tablet.Model, tablet.OSVersion = "ana-ipad", "iPad Air (M2)", "18.6.2"
	return u, []fleet.Device{phone, tablet}
}

// benoit has an Android phone.
func (m *maker) benoit() (fleet.User, []fleet.Device) {
	u := m.friend("benoit", "Benoît", "Lefèvre", "fr", "Emergency", "Médecin")
	phone := m.healthy(u, 1, "android")
	phone.ID, phone.Model, phone.OSVersion = "benoit-android", "Google Pixel 8", "15"
	return u, []fleet.Device{phone}
}

// chidi has a jailbroken phone.
func (m *maker) chidi() (fleet.User, []fleet.Device) {
	u := m.friend("chidi", "Chidi", "Okafor", "en", "IT", "Technician")
	phone := m.healthy(u, 1, "iphone")
	phone.ID, phone.Model, phone.OSVersion = "chidi-iphone", "iPhone 13", "16.7.12"
	phone.Jailbroken, phone.Compliant, phone.Ownership = true, false, fleet.BYOD
	return u, []fleet.Device{phone}
}

// dana has a phone that nobody has heard of for months.
func (m *maker) dana() (fleet.User, []fleet.Device) {
	u := m.friend("dana", "Dana", "Whitfield", "en", "Home care", "Nurse")
	phone := m.healthy(u, 1, "android")
	phone.ID, phone.Model, phone.OSVersion = "dana-android", "Samsung Galaxy A54", "13"
	phone.LastSeen = m.Now.Add(-94 * 24 * time.Hour).UTC().Truncate(time.Second)
	return u, []fleet.Device{phone}
}

// emre has no mail, no number, and an app that was never opened: no channel reaches him.
func (m *maker) emre() (fleet.User, []fleet.Device) {
	u := m.friend("emre", "Emre", "Yılmaz", "en", "Logistics", "Assistant")
	u.Mail, u.Mobile = "", ""
	phone := m.healthy(u, 1, "android")
	phone.ID, phone.Push = "emre-android", nil
	return u, []fleet.Device{phone}
}

// fatima has a phone that is out of compliance, and a Mac.
func (m *maker) fatima() (fleet.User, []fleet.Device) {
	u := m.friend("fatima", "Fatima Zahra", "El Idrissi", "fr", "Administration", "Coordinatrice")
	phone, mac := m.healthy(u, 1, "iphone"), m.healthy(u, 2, "mac")
	phone.ID, phone.OSVersion, phone.Compliant = "fatima-iphone", "15.8.5", false
	mac.ID = "fatima-mac"
	return u, []fleet.Device{phone, mac}
}

func (m *maker) friend(id fleet.UserID, given, surname, language, department, title string) fleet.User {
	return fleet.User{
		ID: id, Username: string(id), Domain: Domain, DisplayName: given + " " + surname, GivenName: given, Surname: surname,
		Mail: string(id) + "@" + Domain, Mobile: m.number(), Language: language, Groups: []string{department},
		Properties: map[string]string{"DEPARTMENT": department, "TITLE": title, "EMPLOYEE_NUMBER": "10000" + string(rune('0'+m.i))},
	}
}
