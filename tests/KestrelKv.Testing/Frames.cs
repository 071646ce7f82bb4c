using System.Buffers.Binary;
using System.Text;

namespace KestrelKv.Testing;

/// <summary>Frames as clients make them.</summary>
public static class Frames
{
    /// <summary>A frame with this body.</summary>
    public static byte[] Of(string body) => Of(Encoding.UTF8.GetBytes(body));

    /// <summary>A frame with this body.</summary>
    public static byte[] Of(ReadOnlySpan<byte> body) => [.. Header(1, body.Length), .. body];

    /// <summary>A header that says what it likes.</summary>
    public static byte[] Header(int version, int length)
    {
        byte[] header = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(header, version);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), length);
        return header;
    }

    /// <summary>The body of a GET.</summary>
    public static string Get(string key) => $"{{\"func\": \"GET\", \"params\": {{\"obj\": {JsonString(key)}}}}}";

    /// <summary>The body of a PUT; <paramref name="value"/> is JSON text.</summary>
    public static string Put(string key, string value) =>
        $"{{\"func\": \"PUT\", \"params\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}";

    /// <summary>The reply's body to a PUT.</summary>
    public static string PutReply(string key) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"PUT\", \"response\": {{\"obj\": {JsonString(key)}, \"response\": \"ok\"}}}}}}";

    /// <summary>The reply's body to a GET.</summary>
    public static string GetReply(string key, string value) =>
        $"{{\"status\": \"OK\", \"response\": {{\"func\": \"GET\", \"response\": {{\"obj\": {JsonString(key)}, \"val\": {value}}}}}}}";

    private static string JsonString(string text) => System.Text.Json.JsonSerializer.Serialize(text);
}
