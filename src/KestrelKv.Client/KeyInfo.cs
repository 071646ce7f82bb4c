namespace KestrelKv.Client;

/// <summary>A key that a scan listed.</summary>
/// <param name="Key">The key.</param>
/// <param name="Version">The version of the entry.</param>
/// <param name="ExpiresAt">The time at which the entry expires, to the millisecond; null for never.</param>
public readonly record struct KeyInfo(string Key, long Version, DateTimeOffset? ExpiresAt);

/// <summary>A key, or a group of keys with a common prefix.</summary>
/// <param name="Key">The key, or the common prefix, which ends with the delimiter.</param>
/// <param name="IsGroup">Whether this is a group.</param>
/// <param name="Count">The number of keys of the group; 1 for a key.</param>
public readonly record struct KeyNode(string Key, bool IsGroup, long Count);
