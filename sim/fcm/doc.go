// Package fcm simulates Firebase Cloud Messaging, HTTP v1: the OAuth token endpoint that exchanges a service account's
// signed assertion for an access token, and POST /v1/projects/{project}/messages:send with the error bodies of the real
// service.
//
// It accepts every project and every token without spaces; what fails on purpose are the magic tokens and what package
// control is asked for. A rule with stage "token" fails the OAuth endpoint instead. Not imitated: quotas, topics'
// subscribers, and the way of a message through Google.
//
// Reference: Google, "FCM REST API v1", "ErrorCode"; RFC 7523 (JWT bearer grant).
package fcm
