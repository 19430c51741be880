package text

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// others are the languages that are translated from English.
var others = []*Catalogue{French, Portuguese}

func TestEveryKeyExistsInEveryLanguage(t *testing.T) {
	for _, c := range others {
		for key := range English.texts {
			if _, has := c.texts[key]; !has {
				t.Errorf("%s lacks %s: %q", c.Name, key, English.texts[key])
			}
		}
		for key := range c.texts {
			if _, has := English.texts[key]; !has {
				t.Errorf("%s has %s, which English has not", c.Name, key)
			}
		}
	}
}

func TestEveryAreaHasAFileInEveryLanguage(t *testing.T) {
	const common = "text.go customs.go text_test.go sentence.go"
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(common, file) || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, dir := range []string{"french", "portuguese"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("%s has no %s", dir, file)
			}
		}
	}
}

// verb is one of fmt's, with the index of its argument where it has one.
var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0-9.]*([a-zA-Z])`)

// verbs are what each argument of a text is written as, in the order of the arguments.
func verbs(words string) []string { return verbsOf(verb, strings.ReplaceAll(words, "%%", "")) }

func verbsOf(verb *regexp.Regexp, words string) (list []string) {
	type use struct {
		arg  int
		verb string
	}
	var uses []use
	next := 1
	for _, found := range verb.FindAllStringSubmatch(words, -1) {
		if found[1] != "" {
			next, _ = strconv.Atoi(found[1]) // digits only
		}
		uses = append(uses, use{next, found[2]})
		next++
	}
	slices.SortStableFunc(uses, func(a, b use) int { return cmp.Compare(a.arg, b.arg) })
	for _, u := range uses {
		list = append(list, strconv.Itoa(u.arg)+u.verb)
	}
	return list
}

func TestVerbsAreTheSame(t *testing.T) {
	for _, c := range others {
		for key, words := range English.texts {
			theirs, has := c.texts[key]
			if want, got := verbs(words), verbs(theirs); has && !slices.Equal(got, want) {
				t.Errorf("%s: %s has the verbs %v, want %v", c.Name, key, got, want)
			}
		}
	}
	if got := verbs("%[2]s of %[1]d, 50 %% and %q"); !slices.Equal(got, []string{"1d", "2s", "2q"}) {
		t.Errorf("verbs are %v", got)
	}
}

// names are the same in every language.
var names = []string{
	"Android", "App", "Apple (APNs)", "Apple Push Notification service", "E-mail", "Firebase Cloud Messaging", "Google (FCM)", "HTTPS",
	"Heliograph", "IMEI", "Macros", "Prometheus", "Push", "SMS", "%d SMS", "%d push", "SSL", "TLS", "Web Push", "Windows", "iOS", "iPadOS", "macOS",
	"-----BEGIN PRIVATE KEY-----", "JSON", "%d ms", "24 h", "Web", `{ "type": "service_account", … }`,
}

// shared are words that a language has in common with English.
var shared = map[*Catalogue][]string{
	French: {
		"%d minute", "%d minutes", "Action", "Actions", "Code", "Description", "Licence", "Message", "Messages", "Mobile", "Notification", "Notifications", "Pages", "Port",
		"Production", "Secret", "Session", "Type", "Version", "Version %s", "Version %s %s",
	},
	Portuguese: {"Auditor", "ID", "Jailbreak", "Normal", "Sandbox"},
}

func TestTextsAreTranslated(t *testing.T) {
	for _, c := range others {
		for key, words := range English.texts {
			if c.texts[key] != words || strings.Trim(words, "%sdq :.“”–0123456789") == "" {
				continue
			}
			if !slices.Contains(names, words) && !slices.Contains(shared[c], words) {
				t.Errorf("%s: %s is still %q: translate it, or add it to names or shared", c.Name, key, words)
			}
		}
	}
}

// unbroken is a space that a line must not break at, written as one where it may.
var unbroken = regexp.MustCompile(`\d %| [:;?!»]|« |[^\s\x{a0}«(]\?|\pL[:;!] |[^\s\x{a0}]»|«[^\x{a0}]`)

// bare is a text with a word for each of its verbs.
func bare(words string) string { return verb.ReplaceAllString(words, "x") }

func TestFrenchSpaces(t *testing.T) {
	for key, words := range French.texts {
		if found := unbroken.FindString(bare(words)); found != "" && !strings.Contains(words, "https://") && !strings.Contains(words, "Authorization: ") {
			t.Errorf("%s: %q has no no-break space in %q", key, found, words)
		}
	}
}

func TestSentencesAreInEveryLanguage(t *testing.T) {
	if a, b := French.Sentences(), Portuguese.Sentences(); !slices.Equal(a, b) {
		for _, pattern := range slices.Concat(a, b) {
			if slices.Contains(a, pattern) != slices.Contains(b, pattern) {
				t.Errorf("only one language says %q", pattern)
			}
		}
	}
	for _, c := range others {
		for pattern, words := range c.said {
			if want, got := verbsOf(sentenceVerb, pattern), verbsOf(sentenceVerb, words); !slices.Equal(got, want) {
				t.Errorf("%s: %q has the verbs %v, want %v as %q has", c.Name, words, got, want, pattern)
			}
			if strings.TrimSpace(words) == "" || strings.Contains(words, "%%") {
				t.Errorf("%s: %q becomes %q", c.Name, pattern, words)
			}
			if strings.HasSuffix(pattern, ".") != strings.HasSuffix(words, ".") {
				t.Errorf("%s: %q and %q end differently", c.Name, pattern, words)
			}
			if found := unbroken.FindString(bare(words)); c == French && found != "" && !strings.Contains(words, "https:") && !strings.Contains(words, "mailto:") {
				t.Errorf("%q has no no-break space in %q", found, words)
			}
			if broad.MatchString(pattern) {
				t.Errorf("the pattern %q has two verbs side by side", pattern)
			}
		}
	}
}

// broad patterns cannot be told apart: nothing stands between two of their verbs. A name may stand before a sentence.
var broad = regexp.MustCompile(`%[sdqv](%|\s%[sdq])`)

func TestSentence(t *testing.T) {
	for _, one := range []struct{ english, french, portuguese string }{
		{"is required", "obligatoire", "é obrigatório"},
		{"is longer than 128 characters", "plus de 128 caractères", "tem mais de 128 caracteres"},
		{"must be one of: smtp, sms", "valeurs possibles\u00a0: smtp, sms", "valores possíveis: smtp, sms"},
		{"Ada Lovelace has no mobile number", "Ada Lovelace n’a pas de numéro de mobile", "Ada Lovelace não tem número móvel"},
		{
			"Given up after 6 attempts. Could not connect to mail.example.com:25: it refused the connection.",
			"Abandonné après 6 tentatives. Connexion à mail.example.com:25 impossible\u00a0: il a refusé la connexion.",
			"Desistiu-se ao fim de 6 tentativas. Não foi possível ligar a mail.example.com:25: recusou a ligação.",
		},
		{
			"The mail server refused this recipient: “550 5.7.1 Go away”.",
			"Le serveur de messagerie a refusé ce destinataire\u00a0: “550 5.7.1 Go away”.",
			"O servidor de correio recusou este destinatário: “550 5.7.1 Go away”.",
		},
		{
			`at character 12: unknown property "user.mial", the nearest known is "user.mail"`,
			"au caractère 12\u00a0: propriété inconnue\u00a0: \"user.mial\", la plus proche connue est \"user.mail\"",
			`no carácter 12: propriedade desconhecida: "user.mial", a mais próxima conhecida é "user.mail"`,
		},
		{
			`at character 1: this "${" is never closed: expected "}" before the end of the text`,
			"au caractère 1\u00a0: ce \"${\" n’est jamais fermé\u00a0: attendu \"}\" avant la fin du texte",
			`no carácter 1: este "${" nunca é fechado: esperava-se "}" antes do fim do texto`,
		},
		{
			"at character 9: substring takes 1 or 2 arguments here, not 3",
			"au caractère 9\u00a0: substring prend ici 1 ou 2 arguments, et non 3",
			"no carácter 9: substring recebe aqui 1 ou 2 argumentos, e não 3",
		},
		{"percent-encoded for use in a link; a blank is %20", "encodé avec des % pour un lien\u00a0; un espace devient %20", "codificado com % para uso numa ligação; um espaço é %20"},
		{"Something from elsewhere: 100% odd.", "Something from elsewhere: 100% odd.", "Something from elsewhere: 100% odd."},
		{"", "", ""},
	} {
		if got := French.Sentence(one.english); got != one.french {
			t.Errorf("%q, want %q", got, one.french)
		}
		if got := Portuguese.Sentence(one.english); got != one.portuguese {
			t.Errorf("%q, want %q", got, one.portuguese)
		}
		if got := English.Sentence(one.english); got != one.english {
			t.Errorf("in English %q becomes %q", one.english, got)
		}
	}
}

func TestSentenceOrder(t *testing.T) {
	c := New(French.Tag, "x").Saying(map[string]string{"%s of %d": "%[2]d / %[1]s", "%s of %q": "q", "%s of many": "many"})
	for english, want := range map[string]string{
		"a of 3": "3 / a", `a of "b"`: "q", "a of many": "many", "a of b": "a of b", " of 3": " of 3", "a of ": "a of ",
	} {
		if got := c.Sentence(english); got != want {
			t.Errorf("%q becomes %q, want %q", english, got, want)
		}
	}
}

func FuzzSentence(f *testing.F) {
	for _, pattern := range French.Sentences() {
		f.Add(pattern)
	}
	f.Fuzz(func(t *testing.T, english string) {
		if got := French.Sentence(english); got == "" && english != "" {
			t.Errorf("%q becomes nothing", english)
		}
	})
}

func TestTextsAreClean(t *testing.T) {
	for _, c := range All {
		for key, words := range c.texts {
			if strings.Trim(words, " \u00a0\n") != words || words == "" {
				t.Errorf("%s: %s is empty, or has spaces around it", c.Name, key)
			}
			if strings.Contains(words, "'") {
				t.Errorf("%s: %s: use ’ and not '", c.Name, key)
			}
		}
	}
}

func TestWhatIsMissingIsEnglish(t *testing.T) {
	english := New(English.Tag, "English", map[string]string{"a": "one", "n.one": "%d thing", "n.other": "%d things"})
	french := New(French.Tag, "Français").or(english)
	for got, want := range map[string]string{
		french.T("a"): "one", french.T("b"): "b", french.T("b", 1): "b", french.N("n", 3): "3 things",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !french.Has("a") || french.Has("b") {
		t.Error("Has does not look into the fallback")
	}
}

func TestPluralForms(t *testing.T) {
	for got, want := range map[string]string{
		English.N("time.days", 0): "0 days", English.N("time.days", 1): "1 day", English.N("time.days", 2): "2 days",
		French.N("time.days", 0): "0 jour", French.N("time.days", 1): "1 jour", French.N("time.days", 2): "2 jours",
		Portuguese.N("time.days", 0): "0 dias", Portuguese.N("time.days", 1): "1 dia", Portuguese.N("time.days", 2): "2 dias",
		English.N("time.days", 1234567): "1,234,567 days", French.N("time.days", 1234567): "1\u00a0234\u00a0567 jours",
		Portuguese.N("time.days", 1234567): "1\u00a0234\u00a0567 dias",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNumbersAndDates(t *testing.T) {
	tokyo, saoPaulo := time.FixedZone("JST", 9*3600), time.FixedZone("-03", -3*3600)
	first, later := time.Date(2026, 8, 1, 5, 5, 0, 0, tokyo), time.Date(2026, 2, 21, 14, 5, 0, 0, saoPaulo)
	for _, one := range []struct {
		c                                             *Catalogue
		number, third, few, most, first, later, birth string
	}{
		{English, "-1,204", "33%", "<0.1%", "99.9%", "1 Aug 2026, 05:05 JST", "21 Feb 2026, 14:05 UTC−03", "21 Feb"},
		{French, "-1\u00a0204", "33\u00a0%", "<0,1\u00a0%", "99,9\u00a0%", "1er août 2026, 05:05 JST", "21 févr. 2026, 14:05 UTC−03", "21 févr."},
		{Portuguese, "-1\u00a0204", "33%", "<0,1%", "99,9%", "1 ago. 2026, 05:05 JST", "21 fev. 2026, 14:05 UTC−03", "21 fev."},
	} {
		got := []string{one.c.Number(-1204), one.c.Percent(1, 3), one.c.Percent(1, 1e6), one.c.Percent(999_999, 1e6), one.c.Moment(first), one.c.Moment(later), one.c.Day(later)}
		want := []string{one.number, one.third, one.few, one.most, one.first, one.later, one.birth}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q\nwant %q", one.c.Name, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for accept, want := range map[string]string{
		"": "en", "fr": "fr", "fr-CA,en;q=0.5": "fr", "pt-BR": "pt", "pt-PT,en;q=0.1": "pt", "en-GB,fr;q=0.9": "en",
		"de,pt;q=0.2": "pt", "zh": "en", ";;;": "en", "*": "en", "en;q=0,fr": "fr",
	} {
		if got := Match(All, accept).Tag.String(); got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
	if Find(All, "pt") != Portuguese || Find(All, "pt-BR") != nil || Find(All, "") != nil {
		t.Error("Find finds another one")
	}
}
