package engine

// use is what an idempotency key was used for.
type use struct {
	id     string
	action action
}

// keyring remembers the last maxKeys idempotency keys.
type keyring struct {
	used   map[string]use
	oldest []string // in the order they came
}

// add remembers key, unless it is empty.
func (k *keyring) add(key string, u use) {
	if key == "" {
		return
	}
	if _, ok := k.used[key]; !ok {
		k.oldest = append(k.oldest, key)
	}
	k.used[key] = u
	if len(k.oldest) > maxKeys {
		delete(k.used, k.oldest[0])
		k.oldest = k.oldest[1:]
	}
}
