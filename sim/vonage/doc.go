// Package vonage simulates the SMS API of Vonage (formerly Nexmo): POST /sms/json with a form or JSON, answered with 200 and one
// status for each part of the text, and receipts that are sent to the callback of a message afterwards.
//
// It takes every well-formed number. Requests are checked as the service checks them: who is calling (api_secret, also as
// HTTP Basic, or sig by any of the five methods), what is missing or wrong, who may be the sender in North America. What fails on purpose
// are the magic numbers and what package control is asked for: a rule's status is that of the message in a 200, its
// http_status is HTTP's, and its detail may give the statuses of the parts one by one.
//
// Beside what every simulator has under /_sim/, receipts are arranged here:
//
//	GET  /_sim/receipts   the plans in force, newest first
//	POST /_sim/receipts   one Plan: which status for whom, how it is sent, after what time
//
// Without a plan a message with a callback is reported delivered, by a POST of JSON. Receipts go to loopback only.
//
// In the history an accepted message has the status 200, and a refused one the service's own, which are all below 100.
// Not imitated: prices, balances that change, networks, time windows of signatures.
//
// Reference: Vonage, "SMS API", "Signing messages", "Delivery receipts"; 3GPP TS 23.038.
package vonage
