// Package apns simulates Apple's push service: HTTP/2 over TLS, POST /3/device/<token>, authenticated by a provider
// token (ES256) or by a client certificate, with the checks and the reasons of the real service.
//
// It accepts every token of hexadecimal digits and every topic; what fails on purpose are the magic tokens and what
// package control is asked for. What it does not imitate: the delay of a few minutes before a removed app's token is
// reported, the limit of one stream before the first authenticated request, and the quotas.
//
// Reference: Apple, "Sending notification requests to APNs", "Handling notification responses from APNs".
package apns
