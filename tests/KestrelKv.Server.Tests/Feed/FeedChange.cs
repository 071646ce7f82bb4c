using System.Globalization;
using System.Text.Json;

namespace KestrelKv.Server.Tests.Feed;

/// <summary>One change, as a watch tells it, or as the reply to a write lets it be expected.</summary>
/// <param name="Version">The version of its commit.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Key">Its key.</param>
/// <param name="Value">What stands for the value that was put; null where none was.</param>
/// <param name="ExpiresAt">The text of its expiry; null where a change of this kind has none.</param>
internal sealed record FeedChange(long Version, string Kind, string Key, string? Value = null, string? ExpiresAt = null)
{
    private const int ValueLengthMax = 40;

    /// <summary>A change as it was told.</summary>
    public static FeedChange Of(JsonElement change) => new(
        change.GetProperty("version").GetInt64(), change.GetProperty("kind").GetString()!, change.GetProperty("obj").GetString()!,
        change.TryGetProperty("val", out JsonElement value) ? Digest(value.GetRawText()) : null,
        change.TryGetProperty("expires_at", out JsonElement expiresAt) ? expiresAt.GetRawText() : null);

    /// <summary>What stands for a value: its text, of which long ones keep the beginning, the length and a hash.</summary>
    public static string Digest(string text) => text.Length <= ValueLengthMax
        ? text
        : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, ValueLengthMax)}... {text.Length} {text.GetHashCode(StringComparison.Ordinal):x}");
}
