// Package redisstore keeps sliding windows and hand-overs in Redis.
package redisstore
