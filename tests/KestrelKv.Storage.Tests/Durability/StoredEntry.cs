using System.Text;

namespace KestrelKv.Storage.Tests.Durability;

/// <summary>An entry without its key.</summary>
internal sealed record StoredEntry(string Value, long Version, long ExpiresAt)
{
    public bool IsVisible(long now) => ExpiresAt == Operation.Never || ExpiresAt > now;

    public RecordedEntry Under(byte[] key) => new(Text(key), Value, Version, ExpiresAt);

    public static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);
}
