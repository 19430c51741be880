package text

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a server answered, why a value is refused, what a macro means: such sentences are made far below the console, in
// English, and are kept so with every delivery; the API gives them as they are. The console says them in the language of
// who looks. It finds a sentence again by its pattern, the English words with a verb for each part that changes:
//
//	%s  a part that stays as it is: a name, a number, the words of somebody else's server
//	%d  a number
//	%q  a text in Go's quotes
//	%v  a part that is a sentence of ours too, and is translated in its turn
//
// Patterns stand in the files said*.go of each language, with their translations. What matches none stays English: it
// came from outside.

// sentence is a pattern and what it becomes.
type sentence struct {
	plain []string // between the verbs, and around them: one more than there are verbs
	verbs []byte
	fixed int // bytes of plain

	words []string // of the translation, likewise
	order []int    // which part stands behind each of words but the last
}

var sentenceVerb = regexp.MustCompile(`%(?:\[(\d+)\])?([sdqv])`)

func newSentence(pattern, words string) sentence {
	s := sentence{plain: sentenceVerb.Split(pattern, -1), words: sentenceVerb.Split(words, -1)}
	for _, found := range sentenceVerb.FindAllStringSubmatch(pattern, -1) {
		s.verbs = append(s.verbs, found[2][0])
	}
	for _, part := range s.plain {
		s.fixed += len(part)
	}
	for _, found := range sentenceVerb.FindAllStringSubmatch(words, -1) {
		at := len(s.order)
		if n, err := strconv.Atoi(found[1]); err == nil {
			at = n - 1
		}
		s.order = append(s.order, at)
	}
	return s
}

// say puts the parts into the translation.
func (s *sentence) say(parts []string) string {
	var b strings.Builder
	for i, at := range s.order {
		b.WriteString(s.words[i])
		b.WriteString(parts[at])
	}
	b.WriteString(s.words[len(s.order)])
	return b.String()
}

// match takes an English sentence apart: what stands in place of each verb. ok is false when the pattern is another's.
func (s *sentence) match(english string) (parts []string, ok bool) {
	rest, ok := strings.CutPrefix(english, s.plain[0])
	if !ok || len(s.verbs) == 0 {
		return nil, ok && rest == ""
	}
	for i, verb := range s.verbs {
		next, part := s.plain[i+1], ""
		switch at := strings.Index(rest, next); {
		case i == len(s.verbs)-1: // the last runs to the end
			if part, ok = strings.CutSuffix(rest, next); !ok {
				return nil, false
			}
		case at < 0:
			return nil, false
		default:
			part, rest = rest[:at], rest[at+len(next):]
		}
		if !fits(verb, part) {
			return nil, false
		}
		parts = append(parts, part)
	}
	return parts, true
}

// fits reports whether a part can be what a verb stands for.
func fits(verb byte, part string) bool {
	switch verb {
	case 'd':
		return strings.Trim(part, "0123456789") == "" && part != ""
	case 'q':
		_, err := strconv.Unquote(part)
		return err == nil
	}
	return part != ""
}

// Saying gives c what it says in place of English sentences. It panics when a pattern stands in two of them.
func (c *Catalogue) Saying(areas ...map[string]string) *Catalogue {
	for _, area := range areas {
		for pattern, words := range area {
			if _, twice := c.said[pattern]; twice {
				panic("text: " + c.Name + ": the sentence “" + pattern + "” stands in two areas")
			}
			c.said[pattern] = words
			c.sentences = append(c.sentences, newSentence(pattern, words))
		}
	}
	slices.SortFunc(c.sentences, func(a, b sentence) int {
		return cmp.Or(len(b.plain[0])-len(a.plain[0]), b.fixed-a.fixed, strings.Compare(a.plain[0], b.plain[0]))
	})
	return c
}

// Sentence says an English sentence of another package in this language; as it is when no pattern fits.
func (c *Catalogue) Sentence(english string) string { return c.sentence(english, sentenceDepth) }

// sentenceDepth is how deep sentences stand inside each other at most.
const sentenceDepth = 4

func (c *Catalogue) sentence(english string, depth int) string {
	if words, has := c.said[english]; has {
		return words
	}
	if depth == 0 || english == "" {
		return english
	}
	for i := range c.sentences {
		s := &c.sentences[i]
		parts, ok := s.match(english)
		if !ok {
			continue
		}
		for i, verb := range s.verbs {
			if verb == 'v' {
				parts[i] = c.sentence(parts[i], depth-1)
			}
		}
		return s.say(parts)
	}
	return english
}

// Sentences lists the patterns, sorted.
func (c *Catalogue) Sentences() []string {
	list := make([]string, 0, len(c.said))
	for pattern := range c.said {
		list = append(list, pattern)
	}
	slices.Sort(list)
	return list
}
