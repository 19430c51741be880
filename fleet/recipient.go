package fleet

// Recipient is one of an audience as a message needs it: a device with its person, or a person alone.
type Recipient struct {
	Device *Device     // nil when the person is meant, whatever they carry
	User   *User       // nil when nobody carries the device
	Token  *TokenRoute // nil when the device has no push token
}

// TokenRoute is what decides how a push goes out; the token itself stays sealed.
type TokenRoute struct {
	Provider    PushProvider
	App         string
	Environment Environment
	State       TokenState
}

// PersonMail is the mail address at which a person would be reached.
type PersonMail struct {
	Key  int64
	Mail string
}

// Details say what of recipients has to be known beside keys, platforms, token routes and mail addresses: reading a
// million of them whole costs more than sending to them. A nil *Details asks for everything. Fields have the names of
// the API.
type Details struct {
	Device           []string // fields
	User             []string
	DeviceProperties []string // names of properties
	UserProperties   []string
}
