package text

var signIn = map[string]string{
	"signin.title":    "Sign in",
	"signin.lead":     "Welcome back. Enter your name and password.",
	"signin.name":     "Name",
	"signin.password": "Password",
	"signin.submit":   "Sign in",
	"signin.wrong":    "Name or password is wrong.",
	"signin.wait":     "Too many tries. Wait %s and try again.",
	"signin.lost":     "Lost your password? On the server, run",

	"welcome.title":        "Choose your password",
	"welcome.lead":         "You are setting the password of the account “%s”.",
	"welcome.password":     "New password",
	"welcome.hint":         "At least 10 characters. A few unrelated words are easy to remember and hard to guess.",
	"welcome.again":        "Repeat it",
	"welcome.submit":       "Set password and sign in",
	"welcome.stale.title":  "This link no longer works",
	"welcome.stale.lead":   "It was used already, replaced by a newer one, or is more than a day old. A new one is printed on the server by",
	"welcome.stale.signin": "Sign in instead",

	"password.short":    "Use at least 10 characters.",
	"password.long":     "Use at most 1,000 characters.",
	"password.uniform":  "Use more than one character.",
	"password.is_name":  "Use more than the account’s name.",
	"password.not_utf8": "This holds characters that cannot be typed.",
	"password.differs":  "The two entries differ.",
}
