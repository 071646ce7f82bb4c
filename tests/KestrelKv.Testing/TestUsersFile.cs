using System.Security.Cryptography;
using System.Text;

namespace KestrelKv.Testing;

/// <summary>A users file in a directory of its own.</summary>
public sealed class TestUsersFile : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kestrelkv-users-").FullName;

    public TestUsersFile(string text) => Write(text);

    public string FilePath => Path.Combine(_directory, "users.json");

    /// <summary>The setting that makes a server read the file.</summary>
    public string Setting => $"Security:UsersFile={FilePath}";

    /// <summary>Returns the SHA-256 of a secret, as the file stores it.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>Replaces the file atomically.</summary>
    public void Write(string text)
    {
        string temporary = FilePath + ".new";
        File.WriteAllText(temporary, text);
        File.Move(temporary, FilePath, overwrite: true);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
