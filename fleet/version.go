package fleet

import (
	"strings"
)

// versionWidth is how many digits each part of a version key has.
const versionWidth = 5

// VersionKey writes a dotted version so that text order is version order: "16.2" becomes "00016.00002". What follows
// the last number of a part ("13b2") is kept after the padded number; trailing parts that are 0 are left out, so that
// 16 and 16.0 are equal. The empty version has the empty key.
func VersionKey(version string) string {
	if version == "" {
		return ""
	}
	parts := strings.Split(strings.TrimSpace(version), ".")
	for i, part := range parts {
		parts[i] = padNumber(part)
	}
	for len(parts) > 1 && parts[len(parts)-1] == "00000" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ".")
}

func padNumber(part string) string {
	digits := 0
	for digits < len(part) && part[digits] >= '0' && part[digits] <= '9' {
		digits++
	}
	number := strings.TrimLeft(part[:digits], "0")
	if len(number) < versionWidth {
		number = strings.Repeat("0", versionWidth-len(number)) + number
	}
	return number + part[digits:]
}
