package fleet

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Format is how an import is written.
type Format int

const (
	CSV    Format = iota // RFC 4180 with a header
	NDJSON               // one device as JSON a line
)

// maxLine is the longest row that is read, in bytes.
const maxLine = 1 << 20

// ImportRow is one row of an import: what it says about a device and its user. What it does not name stays as it is.
type ImportRow struct {
	Line     int // physical line where the row begins; the first is 1
	ID       DeviceID
	Problems []Problem // why it is rejected; empty = it can be applied. Field is the column

	device []func(*Device)
	user   []func(*User)
	person personRef
	owner  UserID // the column user
}

// personRef is whom the columns user.… speak of.
type personRef struct {
	named            bool // there are such columns
	id               UserID
	username, domain string
	said             bool // one of them says something
}

func (r *ImportRow) reject(column, format string, args ...any) {
	c := checker{}
	c.add(column, format, args...)
	r.Problems = append(r.Problems, c.found...)
}

// rows is a reader of one format.
type rows interface {
	// next reads one row; io.EOF at the end. A row that cannot be read has Problems.
	next() (ImportRow, error)
}

// ImportReader reads an import row by row, in memory that does not grow with its length but for the ids it has seen.
type ImportReader struct {
	rows rows
	seen map[DeviceID]struct{}
}

// NewImportReader begins an import. It reads a header, and is Invalid when that has no column id or one that is unknown:
// then nothing of the file is used. Other errors are the reader's own.
func NewImportReader(r io.Reader, f Format) (*ImportReader, error) {
	lines, err := newLineReader(r)
	if err != nil {
		return nil, err
	}
	var format rows = &jsonRows{lines}
	if f == CSV {
		if format, err = newCSVRows(lines); err != nil {
			return nil, err
		}
	}
	return &ImportReader{format, map[DeviceID]struct{}{}}, nil
}

// Next reads a row; io.EOF at the end.
func (r *ImportReader) Next() (ImportRow, error) {
	row, err := r.rows.next()
	if err != nil || row.ID == "" {
		return row, err
	}
	if _, seen := r.seen[row.ID]; seen {
		row.reject("id", "is already in this file")
		return row, nil
	}
	r.seen[DeviceID(strings.Clone(string(row.ID)))] = struct{}{} // the clone lets go of the line
	return row, nil
}

// ImportReport says what an import did.
type ImportReport struct {
	Rows      int           `json:"rows"`
	Created   int           `json:"created"`
	Updated   int           `json:"updated"`
	Unchanged int           `json:"unchanged"`
	Rejected  int           `json:"rejected"`
	Errors    []ImportError `json:"errors"` // the first 1,000
}

// ImportError is one thing that is wrong with one row.
type ImportError struct {
	Line   int    `json:"line"`
	Column string `json:"column"` // empty = the row as a whole
	Detail string `json:"detail"`
}

const maxImportErrors = 1000

// Effect is what a row did, or would do.
type Effect int

const (
	Rejected Effect = iota
	Created
	Updated
	Unchanged
)

// Add counts a row.
func (r *ImportReport) Add(row ImportRow, effect Effect) {
	r.Rows++
	switch effect {
	case Created:
		r.Created++
	case Updated:
		r.Updated++
	case Unchanged:
		r.Unchanged++
	default:
		r.Rejected++
	}
	for _, p := range row.Problems {
		if len(r.Errors) < maxImportErrors {
			r.Errors = append(r.Errors, ImportError{row.Line, p.Field, p.Detail})
		}
	}
}

// Known is what is stored about the devices and people of some rows. Applying rows changes it: what has changed is to
// be stored.
type Known struct {
	Devices   map[DeviceID]Device
	Users     map[UserID]User
	Usernames map[string][]UserID // by user name
	// SameToken reports whether a device has this token already. What is stored shows no tokens.
	SameToken func(d Device, token string) bool
	// NewUserID makes the id of a person of whom only the user name is known, and that cannot be an id.
	NewUserID func() UserID
	// Hidden are devices and people that exist, but not for whoever imports.
	HiddenDevices map[DeviceID]bool
	HiddenUsers   map[UserID]bool

	ChangedDevices []DeviceID
	ChangedUsers   []UserID
}

// Apply takes a row over, or adds to its Problems what is wrong with it; then nothing is changed.
func (k *Known) Apply(row *ImportRow) Effect {
	if len(row.Problems) > 0 {
		return Rejected
	}
	before, exists := k.Devices[row.ID]
	if !exists {
		before = NewDevice(row.ID)
	}
	after := row.applyDevice(before)
	user, userChanged := k.person(row, &after)
	if after.User != "" && after.User != before.User && (user == nil || user.ID != after.User) && !k.userExists(after.User) {
		row.reject("user", "is not the id of a user")
	}
	if k.HiddenDevices[row.ID] {
		row.reject("id", "is not among your devices")
	}
	row.Problems = append(row.Problems, after.Check()...)
	if len(row.Problems) > 0 {
		return Rejected
	}
	if userChanged {
		k.keepUser(*user)
	}
	return k.keepDevice(before, after, exists, userChanged)
}

func (k *Known) userExists(id UserID) bool {
	_, ok := k.Users[id]
	return ok && !k.HiddenUsers[id]
}

func (k *Known) keepUser(u User) {
	if !slices.Contains(k.Usernames[u.Username], u.ID) {
		k.Usernames[u.Username] = append(k.Usernames[u.Username], u.ID)
	}
	k.Users[u.ID] = u
	if !slices.Contains(k.ChangedUsers, u.ID) {
		k.ChangedUsers = append(k.ChangedUsers, u.ID)
	}
}

func (k *Known) keepDevice(before, after Device, exists, userChanged bool) Effect {
	same := exists && sameDevice(before, after)
	if k.newToken(before, &after) {
		same = false
	} else {
		after.Push = nil // keeps what is there
	}
	if !same {
		k.Devices[after.ID] = after
		k.ChangedDevices = append(k.ChangedDevices, after.ID)
	}
	switch {
	case !exists:
		return Created
	case same && !userChanged:
		return Unchanged
	default:
		return Updated
	}
}

// newToken reports whether the row says anything new about the token, and forgets what it repeats: an upload of the
// same token would make it look newly arrived.
func (k *Known) newToken(before Device, after *Device) bool {
	switch had, want := before.Push, after.Push; {
	case want == nil:
		return false
	case want.Removed:
		return had != nil
	case had == nil:
		return true
	default:
		sameWords := had.Provider == want.Provider && had.App == want.App && had.Environment == want.Environment
		if want.Token != "" && k.SameToken(before, want.Token) {
			want.Token = ""
		}
		return want.Token != "" || !sameWords
	}
}

// applyDevice gives the device as the row wants it, without touching what the one before holds.
func (r *ImportRow) applyDevice(before Device) Device {
	after := before
	after.Groups, after.Properties = slices.Clone(before.Groups), maps.Clone(before.Properties)
	push := PushToken{Environment: Production}
	if before.Push != nil {
		push = *before.Push
	}
	push.Token = ""
	after.Push = &push
	for _, set := range r.device {
		set(&after)
	}
	if after.Push != nil && after.Push.Token == "" && !after.Push.Removed && before.Push == nil {
		after.Push = nil // words about a token that nobody gave
	}
	if after.Push != nil && after.Push.Removed && before.Push == nil {
		after.Push = nil
	}
	return after
}

// person applies the columns user.… and makes the device theirs. nil = the row has none, or they say nothing: then the
// device is nobody's.
func (k *Known) person(row *ImportRow, d *Device) (u *User, changed bool) {
	ref := row.person
	if !ref.named {
		return nil, false
	}
	if !ref.said {
		d.User = row.owner
		return nil, false
	}
	id := k.identify(row)
	if id == "" {
		return nil, false
	}
	before, exists := k.Users[id]
	if !exists {
		before = User{ID: id}
	}
	after := before
	after.Groups, after.Properties = slices.Clone(before.Groups), maps.Clone(before.Properties)
	for _, set := range row.user {
		set(&after)
	}
	for _, p := range after.Check() {
		row.reject("user."+p.Field, "%s", p.Detail)
	}
	if k.HiddenUsers[id] {
		row.reject("user.id", "is not among your users")
	}
	d.User = id
	return &after, !exists || !sameUser(before, after)
}

// identify finds the person by id, else by user name (and domain, when the row has one). Somebody new takes the user
// name as id when it can be one.
func (k *Known) identify(row *ImportRow) UserID {
	ref := row.person
	switch {
	case ref.id != "":
		return ref.id
	case row.owner != "":
		return row.owner
	}
	if ref.username == "" {
		row.reject("user.id", "or user.username is required to tell who it is")
		return ""
	}
	var found []UserID
	for _, id := range k.Usernames[ref.username] {
		if u := k.Users[id]; u.Username == ref.username && (ref.domain == "" || u.Domain == ref.domain) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0]
	case 0:
		id := UserID(ref.username)
		if _, taken := k.Users[id]; taken || !ValidID(ref.username) {
			return k.NewUserID()
		}
		return id
	}
	row.reject("user.username", "belongs to more than one user: give user.id")
	return ""
}

// sameDevice compares what an import can say, but for the token.
func sameDevice(a, b Device) bool {
	if !slices.Equal(a.Groups, b.Groups) || !maps.Equal(a.Properties, b.Properties) || a.LastSeen.UnixMilli() != b.LastSeen.UnixMilli() {
		return false
	}
	return a.Name == b.Name && a.Platform == b.Platform && a.OSVersion == b.OSVersion && a.Model == b.Model &&
		a.SerialNumber == b.SerialNumber && a.IMEI == b.IMEI && a.PhoneNumber == b.PhoneNumber && a.Carrier == b.Carrier &&
		a.Ownership == b.Ownership && a.Managed == b.Managed && a.Compliant == b.Compliant && a.Jailbroken == b.Jailbroken && a.User == b.User
}

func sameUser(a, b User) bool {
	return slices.Equal(a.Groups, b.Groups) && maps.Equal(a.Properties, b.Properties) &&
		a.Username == b.Username && a.Domain == b.Domain && a.DisplayName == b.DisplayName && a.GivenName == b.GivenName &&
		a.Surname == b.Surname && a.Mail == b.Mail && a.Mobile == b.Mobile && a.Language == b.Language
}

// Names gives the ids and the user name by which the row may mean somebody, to load them; each may be empty.
func (r ImportRow) Names() (id, owner UserID, username string) {
	return r.person.id, r.owner, r.person.username
}

// cleanGroups sorts names and drops blanks and repetitions.
func cleanGroups(names []string) []string {
	var list []string
	for _, name := range names {
		if name = strings.TrimSpace(name); name != "" {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// shown quotes a column's name in an error, when it looks like a name: a file without a header has data there.
func shown(position int, name string) string {
	if utf8.RuneCountInString(name) <= 64 && propertyName.MatchString(name) {
		return fmt.Sprintf("column %d (%s)", position, name)
	}
	return fmt.Sprintf("column %d", position)
}

func parseTime(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.UnixMilli() <= 0 {
		return time.Time{}, false
	}
	return t.UTC(), true
}
