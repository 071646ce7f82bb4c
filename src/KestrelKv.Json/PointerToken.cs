using System.Buffers.Text;

namespace KestrelKv.Json;

/// <summary>Reads tokens of a JSON Pointer, which are as spelled, without the slash before them.</summary>
internal static class PointerToken
{
    /// <summary>Returns the token whose slash is at <paramref name="slash"/>.</summary>
    public static ReadOnlySpan<byte> At(ReadOnlySpan<byte> pointer, int slash) => pointer[(slash + 1)..Next(pointer, slash)];

    /// <summary>Returns the slash of the token after the one at <paramref name="slash"/>, or the length of the pointer.</summary>
    public static int Next(ReadOnlySpan<byte> pointer, int slash)
    {
        int length = pointer[(slash + 1)..].IndexOf((byte)'/');
        return length < 0 ? pointer.Length : slash + 1 + length;
    }

    /// <summary>Whether a token names a member. The name is as spelled in JSON, without quotes.</summary>
    public static bool Matches(ReadOnlySpan<byte> token, ReadOnlySpan<byte> name)
    {
        // A long token costs nothing against many short names: unescaping at most halves its length.
        if (name.Length < token.Length / 2) return false;
        if (!token.Contains((byte)'~')) return JsonString.UnescapesTo(name, token);

        var text = new PooledList<byte>(stackalloc byte[256]);
        Unescape(token, ref text);
        bool matches = JsonString.UnescapesTo(name, text.Items);
        text.Dispose();
        return matches;
    }

    /// <summary>Reads an array index, or -1 above <see cref="int.MaxValue"/>. False if the token is not an index.</summary>
    public static bool TryReadIndex(ReadOnlySpan<byte> token, out int index)
    {
        index = -1;
        if (token.IsEmpty || token.ContainsAnyExceptInRange((byte)'0', (byte)'9') || (token[0] == '0' && token.Length > 1)) return false;
        if (!Utf8Parser.TryParse(token, out index, out _)) index = -1;
        return true;
    }

    /// <summary>Appends the unescaped token as a JSON string.</summary>
    public static void AddName(scoped ReadOnlySpan<byte> token, ref PooledList<byte> to)
    {
        var text = new PooledList<byte>(stackalloc byte[256]);
        Unescape(token, ref text);
        JsonString.Escape(text.Items, ref to);
        text.Dispose();
    }

    private static void Unescape(scoped ReadOnlySpan<byte> token, ref PooledList<byte> to)
    {
        for (int tilde; (tilde = token.IndexOf((byte)'~')) >= 0; token = token[(tilde + 2)..])
        {
            to.Add(token[..tilde]);
            to.Add(token[tilde + 1] == '1' ? (byte)'/' : (byte)'~');
        }
        to.Add(token);
    }
}
