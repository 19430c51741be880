// Package text is the catalogue of everything that the console says, in every language that it speaks. Pages name a text
// by its key; nothing that people read stands in a template or in Go code. Texts with numbers come in the plural forms of
// the language: "key.one" and "key.other".
//
// Each area of the console has a file of its own here, and files of the same name in french/ and portuguese/. A key is in
// exactly one area. What stands in English must stand in the other languages too, with the same verbs (%s, %d …; they may
// change their order, as in %[2]s); what is missing is shown in English, and fails a test. An area is added with one file
// in each language, and a line in the list of each: areas here, Areas there.
//
// # Words
//
// The same thing has the same name everywhere:
//
//	English              French                        Portuguese
//	device               appareil                      dispositivo
//	user (of a device)   utilisateur                   utilizador
//	fleet                parc                          frota
//	notification         notification                  notificação
//	message              message                       mensagem
//	delivery             envoi                         entrega
//	push, push token     push, jeton push              push, token push
//	mail server          serveur de messagerie         servidor de correio
//	SMS gateway          passerelle SMS                gateway de SMS
//	carrier              opérateur                     operadora
//	template             modèle                        modelo
//	macro                macro                         macro
//	account              compte                        conta
//	sign in, sign out    se connecter, se déconnecter  iniciar sessão, terminar sessão
//	password             mot de passe                  palavra-passe
//	settings             paramètres                    definições
//	compliant            conforme                      em conformidade
//	to set up            configurer                    configurar
//	file                 fichier                       ficheiro
//	mail push            push de messagerie            push de correio
//	registration         inscription                   registo
//	subscription         abonnement                    subscrição
//	wake                 réveil                        despertar
//	listener             récepteur                     recetor
//	app key              clé d’application             chave de aplicação
//
// French addresses people as “vous”, and has a no-break space before : ; ? ! % and inside « ». Portuguese is the
// European one where it must differ from the Brazilian, and avoids what only one of them understands.
package text

import (
	"maps"
	"slices"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"heliograph/console/text/french"
	"heliograph/console/text/portuguese"
)

// Catalogue holds the texts of one language.
type Catalogue struct {
	Tag  language.Tag // of the texts: what <html lang> says
	Name string       // of the language, in itself

	texts     map[string]string
	said      map[string]string // by an English pattern: see sentence.go
	sentences []sentence        // of said: first what begins with most words of ours, then what has most of them
	fallback  *Catalogue        // says what is missing here; nil = nobody
	printer   *message.Printer
	customs   customs
}

// areas of the console, in English: the language that every key exists in.
var areas = []map[string]string{
	shell, signIn, dashboard, settings, server, smtpServer, smsServer, pushServer, carriers, device, people, notify, notification,
	network, expiry, languages, profile, signInSettings, templates, administrators, apiTokens, auditLog,
	mailPush, mailPushPages,
}

// The languages that the console speaks.
var (
	English    = New(language.English, "English", areas...)
	French     = New(language.French, "Français", french.Areas...).Saying(french.Said...).or(English)
	Portuguese = New(language.Portuguese, "Português", portuguese.Areas...).Saying(portuguese.Said...).or(English)
)

// All is what people choose from, in the order of the menu. The first is for those whose language is none of these.
var All = []*Catalogue{English, French, Portuguese}

// New makes a catalogue of areas. It panics when a key stands in two of them.
func New(tag language.Tag, name string, areas ...map[string]string) *Catalogue {
	c := &Catalogue{Tag: tag, Name: name, texts: map[string]string{}, said: map[string]string{}, customs: customsOf(tag)}
	c.printer = message.NewPrinter(c.customs.region)
	for _, area := range areas {
		for key, words := range area {
			if _, twice := c.texts[key]; twice {
				panic("text: " + name + ": key " + key + " stands in two areas")
			}
			c.texts[key] = words
		}
	}
	return c
}

// or is c, with another catalogue for what is missing in it.
func (c *Catalogue) or(other *Catalogue) *Catalogue {
	c.fallback = other
	return c
}

// Keys lists every key, sorted.
func (c *Catalogue) Keys() []string { return slices.Sorted(maps.Keys(c.texts)) }

// Has reports whether there is a text of this key.
func (c *Catalogue) Has(key string) bool {
	_, has := c.texts[key]
	return has || c.fallback != nil && c.fallback.Has(key)
}

// Template is the text of a key as it stands in the catalogue, with its verbs; the key itself when there is none.
func (c *Catalogue) Template(key string) string {
	if words, has := c.texts[key]; has {
		return words
	}
	if c.fallback != nil {
		return c.fallback.Template(key)
	}
	return key
}

// T is the text of a key, with its verbs (%s, %d …) filled in; numbers get their separators. A key that is missing is
// shown as it is, so that it is noticed.
func (c *Catalogue) T(key string, args ...any) string {
	words := c.Template(key)
	if len(args) == 0 || !c.Has(key) {
		return words
	}
	return c.printer.Sprintf(message.Key(words, words), args...)
}

// N is the text of key in the form for n things: "key.one", "key.other". Its first verb is n.
func (c *Catalogue) N(key string, n int64, args ...any) string {
	return c.T(key+"."+c.form(n), append([]any{n}, args...)...)
}

// form is what the language says of n things. Nought is one thing in French, and several in English and Portuguese.
func (c *Catalogue) form(n int64) string {
	if plural.Cardinal.MatchPlural(c.customs.region, int(n), 0, 0, 0, 0) == plural.One {
		return "one"
	}
	return "other"
}

// Match is the language for somebody whose browser sends this Accept-Language header: the first of the list when none of
// it fits.
func Match(list []*Catalogue, accept string) *Catalogue {
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return list[0]
	}
	var tags []language.Tag
	for _, c := range list {
		tags = append(tags, c.Tag)
	}
	_, at, _ := language.NewMatcher(tags).Match(wanted...)
	return list[at]
}

// Find is the language of a tag such as "fr"; nil when the list has none.
func Find(list []*Catalogue, tag string) *Catalogue {
	for _, c := range list {
		if c.Tag.String() == tag {
			return c
		}
	}
	return nil
}
