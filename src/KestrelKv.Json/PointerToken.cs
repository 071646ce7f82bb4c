using System.Buffers.Text;

namespace KestrelKv.Json;

/// <summary>One token of a JSON Pointer as it is spelled there, without the slash before it.</summary>
internal static class PointerToken
{
    /// <summary>The token whose slash is at <paramref name="slash"/>.</summary>
    public static ReadOnlySpan<byte> At(ReadOnlySpan<byte> pointer, int slash) => pointer[(slash + 1)..Next(pointer, slash)];

    /// <summary>The slash of the token after the one at <paramref name="slash"/>; the length of the pointer where there is none.</summary>
    public static int Next(ReadOnlySpan<byte> pointer, int slash)
    {
        int length = pointer[(slash + 1)..].IndexOf((byte)'/');
        return length < 0 ? pointer.Length : slash + 1 + length;
    }

    /// <summary>Whether a member's name, as it is spelled in JSON without its quotes, is the one that a token stands for.</summary>
    public static bool Matches(ReadOnlySpan<byte> token, ReadOnlySpan<byte> name)
    {
        // A long token costs nothing where the names are short, however many they are: it becomes no shorter than half.
        if (name.Length < token.Length / 2) return false;
        if (!token.Contains((byte)'~')) return JsonString.StandsFor(name, token);

        var text = new PooledList<byte>(stackalloc byte[256]);
        Unescape(token, ref text);
        bool matches = JsonString.StandsFor(name, text.Items);
        text.Dispose();
        return matches;
    }

    /// <summary>The index of an element; false where the token is none, -1 where no array has so many.</summary>
    public static bool TryReadIndex(ReadOnlySpan<byte> token, out int index)
    {
        index = -1;
        if (token.IsEmpty || token.ContainsAnyExceptInRange((byte)'0', (byte)'9') || (token[0] == '0' && token.Length > 1)) return false;
        if (!Utf8Parser.TryParse(token, out index, out _)) index = -1;
        return true;
    }

    /// <summary>Adds the name that a token stands for as a JSON string.</summary>
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
