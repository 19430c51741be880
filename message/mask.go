package message

import "strings"

// Mask hides an address from those who may not see it, and leaves enough for whoever knows it to recognise it: the first
// letter of a mailbox and its domain, the first two characters and the last two digits of a number. It is empty when the
// address is.
func Mask(address string) string {
	if mailbox, domain, isMail := strings.Cut(address, "@"); isMail {
		return firstOf(mailbox, 1) + "…@" + domain
	}
	if letters := []rune(address); len(letters) >= 6 {
		return string(letters[:2]) + "…" + string(letters[len(letters)-2:])
	}
	return strings.Repeat("…", min(len(address), 1))
}

func firstOf(text string, n int) string {
	letters := []rune(text)
	return string(letters[:min(n, len(letters))])
}
