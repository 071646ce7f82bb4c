using System.Globalization;

namespace KestrelKv.Testing;

/// <summary>A fact that mounts a small in-memory disk, which requires root on Linux.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip =
        !OperatingSystem.IsLinux() ? "requires Linux to mount a disk in memory" :
        !Environment.IsPrivilegedProcess ? "requires root to mount a disk" : null;
}

/// <summary>A directory on its own small disk. Disposal unmounts it.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private SmallDisk()
    {
    }

    public DataDirectory Data { get; } = new();

    public static async Task<SmallDisk> MountAsync(int megabytes)
    {
        var disk = new SmallDisk();
        try
        {
            await Programs.RunAsync("mount", ["-t", "tmpfs", "-o", Size(megabytes), "kestrelkv-test", disk.Data.FullPath]);
            return disk;
        }
        catch
        {
            disk.Data.Dispose();
            throw;
        }
    }

    public Task ResizeAsync(int megabytes) => Programs.RunAsync("mount", ["-o", $"remount,{Size(megabytes)}", Data.FullPath]);

    public async ValueTask DisposeAsync()
    {
        await Programs.RunAsync("umount", ["--lazy", Data.FullPath]);
        Data.Dispose();
    }

    private static string Size(int megabytes) => string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m");
}
