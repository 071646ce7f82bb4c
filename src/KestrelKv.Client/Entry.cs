namespace KestrelKv.Client;

/// <summary>A key with its value, as a read returned it.</summary>
/// <typeparam name="T">The type of the value.</typeparam>
/// <param name="Key">The key.</param>
/// <param name="Found">Whether the key exists; for a read with a path, whether the part exists.</param>
/// <param name="Value">The value; the default of <typeparamref name="T"/> if <paramref name="Found"/> is false.</param>
/// <param name="Version">
/// The version of the entry, 0 if the key is missing. Use it as <see cref="WriteOptions.IfVersion"/> to write only if no other client has.
/// </param>
/// <param name="ExpiresAt">The time at which the entry expires, to the millisecond; null for never.</param>
public readonly record struct Entry<T>(string Key, bool Found, T? Value, long Version, DateTimeOffset? ExpiresAt);
