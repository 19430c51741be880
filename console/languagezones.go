package console

// zones are offered to choose from: at least one for each offset and rule that is in use. Any other IANA name may be
// typed.
var zones = []string{
	"Africa/Abidjan", "Africa/Accra", "Africa/Addis_Ababa", "Africa/Algiers", "Africa/Bissau", "Africa/Cairo",
	"Africa/Casablanca", "Africa/Dakar", "Africa/Douala", "Africa/Johannesburg", "Africa/Kinshasa", "Africa/Lagos",
	"Africa/Luanda", "Africa/Maputo", "Africa/Nairobi", "Africa/Sao_Tome", "Africa/Tunis",
	"America/Anchorage", "America/Argentina/Buenos_Aires", "America/Bogota", "America/Caracas", "America/Cayenne",
	"America/Chicago", "America/Denver", "America/Edmonton", "America/Fortaleza", "America/Guadeloupe",
	"America/Guayaquil", "America/Halifax", "America/Havana", "America/La_Paz", "America/Lima", "America/Los_Angeles",
	"America/Manaus", "America/Martinique", "America/Mexico_City", "America/Miquelon", "America/Montevideo",
	"America/New_York", "America/Noronha", "America/Nuuk", "America/Panama", "America/Phoenix",
	"America/Port-au-Prince", "America/Recife", "America/Rio_Branco", "America/Santiago", "America/Sao_Paulo",
	"America/St_Johns", "America/Toronto", "America/Vancouver", "America/Winnipeg",
	"Asia/Almaty", "Asia/Amman", "Asia/Baghdad", "Asia/Baku", "Asia/Bangkok", "Asia/Beirut", "Asia/Colombo",
	"Asia/Dhaka", "Asia/Dili", "Asia/Dubai", "Asia/Ho_Chi_Minh", "Asia/Hong_Kong", "Asia/Jakarta", "Asia/Jerusalem",
	"Asia/Kabul", "Asia/Karachi", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Macau", "Asia/Manila", "Asia/Riyadh",
	"Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Taipei", "Asia/Tashkent", "Asia/Tbilisi", "Asia/Tehran",
	"Asia/Tokyo", "Asia/Vladivostok", "Asia/Yangon", "Asia/Yerevan",
	"Atlantic/Azores", "Atlantic/Bermuda", "Atlantic/Canary", "Atlantic/Cape_Verde", "Atlantic/Madeira",
	"Atlantic/Reykjavik",
	"Australia/Adelaide", "Australia/Brisbane", "Australia/Darwin", "Australia/Perth", "Australia/Sydney",
	"Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Brussels", "Europe/Bucharest", "Europe/Budapest",
	"Europe/Copenhagen", "Europe/Dublin", "Europe/Helsinki", "Europe/Istanbul", "Europe/Kyiv", "Europe/Lisbon",
	"Europe/London", "Europe/Luxembourg", "Europe/Madrid", "Europe/Moscow", "Europe/Oslo", "Europe/Paris",
	"Europe/Prague", "Europe/Rome", "Europe/Sofia", "Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw",
	"Europe/Zurich",
	"Indian/Antananarivo", "Indian/Mauritius", "Indian/Mayotte", "Indian/Reunion",
	"Pacific/Auckland", "Pacific/Fiji", "Pacific/Guam", "Pacific/Honolulu", "Pacific/Noumea", "Pacific/Tahiti",
	"Pacific/Wallis", "UTC",
}
