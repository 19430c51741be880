package macro

import "strings"

// nearest returns the candidate with the fewest typing mistakes from name, the first
// one of several. An abbreviation ("dev" for "device") counts as one mistake.
func nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, candidate := range candidates {
		d := distance(name, candidate)
		if strings.HasPrefix(candidate, strings.ToLower(name)) {
			d = min(d, 1)
		}
		if best == "" || d < least {
			best, least = candidate, d
		}
	}
	return best
}

// nearProperty finds a known property that a path most likely means: the same name in
// another namespace or spelling, or one within a third of its letters.
func nearProperty(path string) (string, bool) {
	best, least := "", len(path)/3+1
	for i := range table {
		known := string(table[i].Slot())
		d := distance(path, known)
		if !strings.Contains(path, ".") {
			d = distance(path, table[i].Name)
		}
		if d < least {
			best, least = known, d
		}
	}
	return best, best != ""
}

// distanceLimit is how many letters of a name are compared.
const distanceLimit = 64

// distance counts the letters to insert, delete, change or swap with a neighbour to
// turn a into b (optimal string alignment). Capital and small letters are the same.
func distance(a, b string) int {
	x, y := letters(a), letters(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := range x {
		row[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, last[j+1]+1, last[j]+cost)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}

func letters(s string) []rune {
	all := []rune(strings.ToLower(s))
	return all[:min(len(all), distanceLimit)]
}
