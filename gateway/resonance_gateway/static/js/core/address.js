// Addresses of this page: whether other computers can open them.

/**
 * True for a host that only this computer has.
 * @param {string} host as in location.hostname
 */
export const isOnlyHere = (host) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\]|::1|0\.0\.0\.0)$/.test(host);
