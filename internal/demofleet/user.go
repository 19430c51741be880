package demofleet

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"heliograph/fleet"
)

// culture is where a name comes from. A name that is not written in Latin letters has its Latin form behind a bar.
type culture struct {
	language string
	given    string
	surnames string
	last     bool // the surname is written first
}

var cultures = []weight[culture]{
	{culture{"fr", "Amélie Benoît Chloé Damien Élodie François Gaëlle Hélène Jérôme Léa Mathéo Noémie Océane Rémi Solène Théo Zoé",
		"Dubois Lefèvre Moreau Gauthier Bérenger Chevalier Desrosiers Fournier Guérin Lévêque Mercier Noël Perrin Renaud Vasseur", false}, 28},
	{culture{"en", "Alice Brandon Charlotte Dylan Emma Grace Harry Isla Jack Kayla Liam Megan Noah Olivia Priya Ruby Samuel Tara William",
		"Adams Bennett Clarke O'Connor Edwards Fisher Grant Hughes Johnson Kapoor MacDonald Nguyen Patel Roberts Smith Walker", false}, 28},
	{culture{"pt", "Ana Bruno Conceição Davi Estêvão Fátima Gonçalo Inês João Luísa Mônica Otávio Renata Sebastião Thaís Vitória",
		"Almeida Araújo Carvalho Conceição Ferrão Gonçalves Guimarães Lourenço Magalhães Oliveira Pereira Simões Souza Vasconcelos", false}, 24},
	{culture{"en", "Agnieszka Łukasz Małgorzata Stanisław Żaneta", "Wójcik Kowalczyk Dąbrowski Żuławski Łuczak", false}, 5},
	{culture{"en", "Jürgen Björn Käthe Øystein Åsa Günther", "Müller Weiß Jørgensen Åkerström Größler", false}, 4},
	{culture{"en", "Ελένη|Eleni Γιώργος|Giorgos Δήμητρα|Dimitra", "Παπαδοπούλου|Papadopoulou Νικολάου|Nikolaou", false}, 3},
	{culture{"en", "伟|Wei 芳|Fang 秀英|Xiuying", "王|Wang 李|Li 张|Zhang", true}, 3},
	{culture{"fr", "ياسمين|Yasmine يوسف|Youssef أمينة|Amina", "بنعلي|Benali منصوري|Mansouri", false}, 3},
	{culture{"fr", "Nguyễn|Nguyen Thảo|Thao Đức|Duc", "Trần|Tran Phạm|Pham Lê|Le", true}, 2},
}

// department is where somebody works: a group of people, and a property of their devices.
type department struct {
	name, building, costCenter string
}

var departments = []weight[department]{
	{department{"Nursing", "Building A", "4100"}, 24},
	{department{"Emergency", "Building A", "4110"}, 14},
	{department{"Cardiology", "Building B", "4120"}, 9},
	{department{"Radiology", "Building B", "4130"}, 8},
	{department{"Maternity", "Building C", "4140"}, 9},
	{department{"Pharmacy", "Building C", "4200"}, 6},
	{department{"Laboratory", "Building D", "4210"}, 7},
	{department{"Home care", "Outside", "4300"}, 9},
	{department{"Administration", "Building E", "4900"}, 8},
	{department{"Logistics", "Building E", "4910"}, 4},
	{department{"IT", "Building E", "4920"}, 2},
}

var titles = map[string][]string{
	"en": {"Nurse", "Physician", "Assistant", "Coordinator", "Technician"},
	"fr": {"Infirmière", "Médecin", "Aide-soignant", "Coordinatrice", "Technicien"},
	"pt": {"Enfermeira", "Médico", "Auxiliar", "Coordenadora", "Técnico"},
}

func (m *maker) user() fleet.User {
	c := weighted(m, cultures)
	given, latinGiven := name(m, c.given)
	surname, latinSurname := name(m, c.surnames)
	work := weighted(m, departments)
	login := fmt.Sprintf("%c%s%d", plain(latinGiven)[0], plain(latinSurname), m.i)
	u := fleet.User{
		ID: fleet.UserID(fmt.Sprintf("u-%06d", m.i)), Username: login, Domain: Domain,
		DisplayName: given + " " + surname, GivenName: given, Surname: surname,
		Mail:     fmt.Sprintf("%s.%s%d@%s", plain(latinGiven), plain(latinSurname), m.i, Domain),
		Mobile:   m.number(),
		Language: c.language,
		Groups:   []string{work.name},
		Properties: map[string]string{
			"DEPARTMENT": work.name, "TITLE": pick(m, titles[c.language]), "EMPLOYEE_NUMBER": fmt.Sprint(100000 + m.i),
		},
	}
	if c.last {
		u.DisplayName = surname + " " + given
	}
	switch roll := m.IntN(1000); {
	case roll < 5: // nowhere to write to
		u.Mail, u.Mobile = "", ""
	case roll < 20:
		u.Mail = ""
	case roll < 100:
		u.Mobile = ""
	case roll < 130:
		u.Language = "" // the organisation's
	case roll < 160:
		u.Groups = append(u.Groups, "On call")
	}
	return u
}

func name(m *maker, list string) (written, latin string) {
	written = pick(m, strings.Fields(list))
	if before, after, ok := strings.Cut(written, "|"); ok {
		return before, after
	}
	return written, written
}

var letters = strings.NewReplacer("ł", "l", "ø", "o", "ß", "ss", "đ", "d", "ı", "i")

// plain writes a name for an address: small Latin letters without marks.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(letters.Replace(strings.ToLower(name)))))
}
