using System.Security.Cryptography;

namespace KestrelKv.Server.Security;

/// <summary>A file of the configuration that the server reads again when its contents change.</summary>
/// <remarks>
/// Contents are compared, not names or times: secrets of Kubernetes and Docker are symbolic links that are swapped, and two versions of a
/// file can have the same length and time.
/// </remarks>
/// <param name="Path">The path.</param>
/// <param name="BytesMax">The maximum size in bytes. The path may point to something else than expected.</param>
internal readonly record struct WatchedFile(string Path, int BytesMax)
{
    /// <summary>Returns the contents.</summary>
    /// <exception cref="IOException">The file is not readable, not a regular file, or too long.</exception>
    /// <exception cref="UnauthorizedAccessException">The process may not read the file.</exception>
    public byte[] Read()
    {
        // Opening a named pipe would block.
        if (!UnixFile.IsRegular(Path)) throw new IOException("the file is not a regular file");
        using FileStream file = File.OpenRead(Path);
        if (file.Length > BytesMax) throw new IOException($"the file has {file.Length} bytes, expected at most {BytesMax}");
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Returns a text that differs after each change of the contents, or of the reason that they cannot be read.</summary>
    public string Fingerprint()
    {
        try
        {
            return Convert.ToHexString(SHA256.HashData(Read()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
