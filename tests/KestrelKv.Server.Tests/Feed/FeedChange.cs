using System.Globalization;
using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>
/// A change, as received by a watch or as expected from the reply to a write. <paramref name="Value"/> is a <see cref="Digest"/>. Value
/// and expiry are null if the change has none.
/// </summary>
internal sealed record FeedChange(long Version, string Kind, string Key, string? Value = null, string? ExpiresAt = null)
{
    private const int ValueLengthMax = 40;

    public static FeedChange Of(JsonElement change) => new(
        change.GetProperty("version").GetInt64(), change.GetProperty("kind").GetString()!, change.GetProperty("obj").GetString()!,
        change.TryGetProperty("val", out JsonElement value) ? Digest(value.GetRawText()) : null,
        change.TryGetProperty("expires_at", out JsonElement expiresAt) ? expiresAt.GetRawText() : null);

    /// <summary>Returns a short form of a value: its text, or the beginning, length and hash of a long one.</summary>
    public static string Digest(string text) => text.Length <= ValueLengthMax
        ? text
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{text.AsSpan(0, ValueLengthMax)}... {text.Length} {text.GetHashCode(StringComparison.Ordinal):x}");
}
