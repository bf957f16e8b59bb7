package org.wanda4j.runtime.internal.x86;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.wanda4j.runtime.internal.x86.Assembler.*;

import java.util.HexFormat;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Instructions against what the GNU assembler makes of them, on any machine.
class AssemblerTest {

    static Stream<Arguments> instructions() {
        return Stream.of(
                of("vmovups zmm17,[rsi]", a -> a.vmovups(zmm(17), at(RSI, 0)), "62e17c48100e"),
                of(
                        "vmovups zmm3,[r12+64]",
                        a -> a.vmovups(zmm(3), at(R12, 64)),
                        "62d17c48105c2401"),
                of(
                        "vmovups [r9+68096],zmm30",
                        a -> a.vmovups(at(R9, 68_096), zmm(30)),
                        "62417c4811b1000a0100"),
                of("vmovups zmm4{k2},zmm21", a -> a.vmovups(zmm(4), K2, zmm(21)), "62b17c4a10e5"),
                of(
                        "vmovups zmm2{k1}{z},[rdx]",
                        a -> a.vmovupsOrZero(zmm(2), K1, at(RDX, 0)),
                        "62f17cc91012"),
                of(
                        "vmovups [rdi-64]{k1},zmm2",
                        a -> a.vmovups(at(RDI, -64), K1, zmm(2)),
                        "62f17c491157ff"),
                of(
                        "vmovups [rsi+96],ymm1",
                        a -> a.vmovupsHalf(at(RSI, 96), zmm(1)),
                        "62f17c28114e03"),
                of(
                        "vmovups [rdx+32],xmm20",
                        a -> a.vmovupsQuarter(at(RDX, 32), zmm(20)),
                        "62e17c08116202"),
                of("vmovss [r8+4],xmm3", a -> a.vmovss(at(R8, 4), zmm(3)), "62d17e08115801"),
                of("vbroadcastss zmm0,xmm16", a -> a.vbroadcastss(zmm(0), zmm(16)), "62b27d4818c0"),
                of("vpbroadcastd zmm31,eax", a -> a.vpbroadcastd(zmm(31), RAX), "62627d487cf8"),
                of(
                        "vpbroadcastq zmm9,[r10+rcx*2+8]",
                        a -> a.vpbroadcastq(zmm(9), at(R10, RCX, 2, 8)),
                        "6252fd48594c4a01"),
                of(
                        "vpmovdb [rsp-64],zmm1",
                        a -> a.vpmovdb(at(RSP, -64), zmm(1)),
                        "62f27e48314c24fc"),
                of(
                        "vshufps zmm10,zmm0,zmm17,0x88",
                        a -> a.vshufps(zmm(10), zmm(0), zmm(17), 0x88),
                        "62317c48c6d188"),
                of("vpsrad zmm1,zmm1,8", a -> a.vpsrad(zmm(1), zmm(1), 8), "62f1754872e108"),
                of("vpsubd zmm0,zmm1,zmm0", a -> a.vpsubd(zmm(0), zmm(1), zmm(0)), "62f17548fac0"),
                of(
                        "vpdpbusd zmm0,zmm26,[rsi+64]",
                        a -> a.vpdpbusd(zmm(0), zmm(26), at(RSI, 64)),
                        "62f22d40504601"),
                of(
                        "vpexpandb zmm6{k3}{z},zmm6",
                        a -> a.vpexpandb(zmm(6), K3, zmm(6)),
                        "62f27dcb62f6"),
                of(
                        "vpexpandw zmm18{k1}{z},zmm2",
                        a -> a.vpexpandw(zmm(18), K1, zmm(2)),
                        "62e2fdc962d2"),
                of(
                        "vpmovzxbw zmm5,[rbp+0]",
                        a -> a.vpmovzxbw(zmm(5), at(RBP, 0)),
                        "62f27d48306d00"),
                of(
                        "{evex} vpmovzxbw ymm3,[rsi+16]",
                        a -> a.vpmovzxbwHalf(zmm(3), at(RSI, 16)),
                        "62f27d28305e01"),
                of(
                        "{evex} vpsllw ymm4,ymm16,12",
                        a -> a.vpsllwHalf(zmm(4), zmm(16), 12),
                        "62b15d2871f00c"),
                of(
                        "vpternlogd ymm0,ymm4,ymm14,0xa8",
                        a -> a.vpternlogdHalf(zmm(0), zmm(4), zmm(14), 0xa8),
                        "62d35d2825c6a8"),
                of(
                        "vpbroadcastd zmm6,[r13+4]",
                        a -> a.vpbroadcastd(zmm(6), at(R13, 4)),
                        "62d27d48587501"),
                of(
                        "vpmovzxwd zmm5,[rsi+32]",
                        a -> a.vpmovzxwd(zmm(5), at(RSI, 32)),
                        "62f27d48336e01"),
                of("vpmovsxbd zmm7,xmm23", a -> a.vpmovsxbd(zmm(7), zmm(23)), "62b27d4821ff"),
                of("vpmovqw [rsi+48],zmm1", a -> a.vpmovqw(at(RSI, 48), zmm(1)), "62f27e48344e03"),
                of("vpmovqd [rsi+64],zmm1", a -> a.vpmovqd(at(RSI, 64), zmm(1)), "62f27e48354e02"),
                of(
                        "vpshufb zmm9,zmm8,zmm12",
                        a -> a.vpshufb(zmm(9), zmm(8), zmm(12)),
                        "62523d4800cc"),
                of(
                        "vextracti32x4 [rcx],zmm17,2",
                        a -> a.vextracti32x4(at(RCX, 0), zmm(17), 2),
                        "62e37d48390902"),
                of(
                        "vcvtneps2bf16 xmm4,[r10+r8*2+32]",
                        a -> a.vcvtneps2bf16(xmm(4), at(R10, R8, 2, 32)),
                        "62927e2872644201"),
                of(
                        "vextracti32x4 xmm2,zmm9,3",
                        a -> a.vextracti32x4(zmm(2), zmm(9), 3),
                        "62737d4839ca03"),
                of(
                        "vshuff32x4 zmm0,zmm16,zmm16,0x4e",
                        a -> a.vshuff32x4(zmm(0), zmm(16), zmm(16), 0x4e),
                        "62b37d4023c04e"),
                of(
                        "vunpckhpd zmm1,zmm2,zmm29",
                        a -> a.vunpckhpd(zmm(1), zmm(2), zmm(29)),
                        "6291ed4815cd"),
                of(
                        "vunpcklps zmm1,zmm2,zmm3",
                        a -> a.vunpcklps(zmm(1), zmm(2), zmm(3)),
                        "62f16c4814cb"),
                of(
                        "vpermilps zmm4,zmm5,0xb1",
                        a -> a.vpermilps(zmm(4), zmm(5), 0xb1),
                        "62f37d4804e5b1"),
                of(
                        "vpxord zmm16,zmm16,zmm16",
                        a -> a.vpxord(zmm(16), zmm(16), zmm(16)),
                        "62a17d40efc0"),
                of(
                        "vpandd zmm2,zmm3,zmm15",
                        a -> a.vpandd(zmm(2), zmm(3), zmm(15)),
                        "62d16548dbd7"),
                of(
                        "vpternlogd zmm0,zmm1,zmm14,0xa8",
                        a -> a.vpternlogd(zmm(0), zmm(1), zmm(14), 0xa8),
                        "62d3754825c6a8"),
                of("vpsllw zmm20,zmm3,8", a -> a.vpsllw(zmm(20), zmm(3), 8), "62f15d4071f308"),
                of("vpslld zmm2,zmm30,16", a -> a.vpslld(zmm(2), zmm(30), 16), "62916d4872f610"),
                of("vpsrld zmm2,zmm30,16", a -> a.vpsrld(zmm(2), zmm(30), 16), "62916d4872d610"),
                of(
                        "vpaddd zmm2,zmm3,zmm27",
                        a -> a.vpaddd(zmm(2), zmm(3), zmm(27)),
                        "62916548fed3"),
                of(
                        "vdpbf16ps zmm2,zmm13,dword ptr [r13+4]{1to16}",
                        a -> a.vdpbf16ps(zmm(2), zmm(13), each(R13, 4)),
                        "62d21658525501"),
                of("vpsrlq zmm2,zmm2,32", a -> a.vpsrlq(zmm(2), zmm(2), 32), "62f1ed4873d220"),
                of(
                        "vaddps zmm1,zmm2,[r10+128]",
                        a -> a.vaddps(zmm(1), zmm(2), at(R10, 128)),
                        "62d16c48584a02"),
                of(
                        "vpmaxsd zmm2,zmm2,zmm28",
                        a -> a.vpmaxsd(zmm(2), zmm(2), zmm(28)),
                        "62926d483dd4"),
                of(
                        "vdivps zmm2,zmm30,zmm2",
                        a -> a.vdivps(zmm(2), zmm(30), zmm(2)),
                        "62f10c405ed2"),
                of(
                        "vscalefps zmm2,zmm6,zmm5",
                        a -> a.vscalefps(zmm(2), zmm(6), zmm(5)),
                        "62f24d482cd5"),
                of(
                        "vrndscaleps zmm5,zmm5,0",
                        a -> a.vrndscaleps(zmm(5), zmm(5), 0),
                        "62f37d4808ed00"),
                of(
                        "vfmadd231ps zmm16,zmm1,dword ptr [r9+4]{1to16}",
                        a -> a.vfmadd231ps(zmm(16), zmm(1), each(R9, 4)),
                        "62c27558b84101"),
                of(
                        "vfmadd213ps zmm6,zmm2,zmm4",
                        a -> a.vfmadd213ps(zmm(6), zmm(2), zmm(4)),
                        "62f26d48a8f4"),
                of("vcvtdq2ps zmm1,zmm1", a -> a.vcvtdq2ps(zmm(1), zmm(1)), "62f17c485bc9"),
                of("vcvtph2ps zmm17,ymm18", a -> a.vcvtph2ps(zmm(17), zmm(18)), "62a27d4813ca"),
                of("vcvtph2ps ymm3,xmm4", a -> a.vcvtph2ps(ymm(3), ymm(4)), "c4e27d13dc"),
                of(
                        "vpbroadcastw zmm12,[r9+2]",
                        a -> a.vpbroadcastw(zmm(12), at(R9, 2)),
                        "62527d48796101"),
                of(
                        "vpbroadcastw ymm12,[r9+2]",
                        a -> a.vpbroadcastw(ymm(12), at(R9, 2)),
                        "c4427d796102"),
                of("vcvtps2dq zmm1,zmm19", a -> a.vcvtps2dq(zmm(1), zmm(19)), "62b17d485bcb"),
                of("vcvtneps2bf16 ymm1,zmm0", a -> a.vcvtneps2bf16(zmm(1), zmm(0)), "62f27e4872c8"),
                of(
                        "vpmaddwd zmm1,zmm1,[r11]",
                        a -> a.vpmaddwd(zmm(1), zmm(1), at(R11, 0)),
                        "62d17548f50b"),
                of(
                        "vpdpwssd zmm1,zmm2,[r11+64]",
                        a -> a.vpdpwssd(zmm(1), zmm(2), at(R11, 64)),
                        "62d26d48524b01"),
                of(
                        "vdpbf16ps zmm31,zmm0,zmm11",
                        a -> a.vdpbf16ps(zmm(31), zmm(0), zmm(11)),
                        "62427e4852fb"),
                of("vmovups ymm3,[r12+64]", a -> a.vmovups(ymm(3), at(R12, 64)), "c4c17c105c2440"),
                of(
                        "vmovups ymm9,[rsi+rax]",
                        a -> a.vmovups(ymm(9), at(RSI, RAX, 1, 0)),
                        "c57c100c06"),
                of(
                        "vmovups ymm2,[r9+r14*8+4096]",
                        a -> a.vmovups(ymm(2), at(R9, R14, 8, 4096)),
                        "c4817c1094f100100000"),
                of(
                        "vmovups xmm2,[rbp+rcx*2]",
                        a -> a.vmovups(xmm(2), at(RBP, RCX, 2, 0)),
                        "c5f810544d00"),
                of(
                        "vmovups xmm2,[r13+r12*1]",
                        a -> a.vmovups(xmm(2), at(R13, R12, 1, 0)),
                        "c4817810542500"),
                of("vmovups [rdx],ymm15", a -> a.vmovups(at(RDX, 0), ymm(15)), "c57c113a"),
                of("vmovups [r10+16],xmm1", a -> a.vmovups(at(R10, 16), xmm(1)), "c4c178114a10"),
                of(
                        "vbroadcastss ymm1,[rax+4]",
                        a -> a.vbroadcastss(ymm(1), at(RAX, 4)),
                        "c4e27d184804"),
                of("vbroadcastss ymm0,xmm0", a -> a.vbroadcastss(ymm(0), xmm(0)), "c4e27d18c0"),
                of(
                        "vbroadcasti128 ymm11,[rsi]",
                        a -> a.vbroadcasti128(ymm(11), at(RSI, 0)),
                        "c4627d5a1e"),
                of(
                        "vinserti128 ymm2,ymm2,[rdx+8],1",
                        a -> a.vinserti128(ymm(2), ymm(2), at(RDX, 8)),
                        "c4e36d38520801"),
                of(
                        "vinserti128 ymm2,ymm3,xmm12,1",
                        a -> a.vinserti128(ymm(2), ymm(3), xmm(12)),
                        "c4c36538d401"),
                of("vextracti128 xmm1,ymm9,1", a -> a.vextracti128(xmm(1), ymm(9)), "c4637d39c901"),
                of("vmovq xmm6,[r8+3]", a -> a.vmovq(xmm(6), at(R8, 3)), "c4c17a7e7003"),
                of("vmovd xmm6,eax", a -> a.vmovd(xmm(6), RAX), "c5f96ef0"),
                of("vmovd xmm9,r9d", a -> a.vmovd(xmm(9), R9), "c441796ec9"),
                of("vpbroadcastd ymm6,xmm6", a -> a.vpbroadcastd(ymm(6), xmm(6)), "c4e27d58f6"),
                of(
                        "vpbroadcastd ymm6,[r13+4]",
                        a -> a.vpbroadcastd(ymm(6), at(R13, 4)),
                        "c4c27d587504"),
                of(
                        "vpbroadcastd ymm12,[r8+r10*2+4]",
                        a -> a.vpbroadcastd(ymm(12), at(R8, R10, 2, 4)),
                        "c4027d58645004"),
                of(
                        "vpshufb ymm4,ymm5,[r15+rax]",
                        a -> a.vpshufb(ymm(4), ymm(5), at(R15, RAX, 1, 0)),
                        "c4c255002407"),
                of(
                        "vpshufb xmm4,xmm5,[r15+r14]",
                        a -> a.vpshufb(xmm(4), xmm(5), at(R15, R14, 1, 0)),
                        "c48251002437"),
                of(
                        "vpshufb ymm4,ymm5,ymm10",
                        a -> a.vpshufb(ymm(4), ymm(5), ymm(10)),
                        "c4c25500e2"),
                of("vpermq ymm1,ymm2,0xd8", a -> a.vpermq(ymm(1), ymm(2), 0xd8), "c4e3fd00cad8"),
                of(
                        "vshufps ymm1,ymm2,ymm3,0x88",
                        a -> a.vshufps(ymm(1), ymm(2), ymm(3), 0x88),
                        "c5ecc6cb88"),
                of(
                        "vpackssdw ymm1,ymm2,ymm3",
                        a -> a.vpackssdw(ymm(1), ymm(2), ymm(3)),
                        "c5ed6bcb"),
                of(
                        "vextracti128 [rcx],ymm12,1",
                        a -> a.vextracti128(at(RCX, 0), ymm(12)),
                        "c4637d392101"),
                of(
                        "vpblendw ymm0,ymm1,ymm9,0xaa",
                        a -> a.vpblendw(ymm(0), ymm(1), ymm(9), 0xaa),
                        "c4c3750ec1aa"),
                of("vpmovsxbw xmm1,[rsi+8]", a -> a.vpmovsxbw(xmm(1), at(RSI, 8)), "c4e279204e08"),
                of("vpmovsxbw ymm1,xmm9", a -> a.vpmovsxbw(ymm(1), xmm(9)), "c4c27d20c9"),
                of(
                        "vpunpcklqdq xmm1,xmm2,xmm9",
                        a -> a.vpunpcklqdq(xmm(1), xmm(2), xmm(9)),
                        "c4c1696cc9"),
                of(
                        "vpmovzxwd ymm1,[rsi+16]",
                        a -> a.vpmovzxwd(ymm(1), at(RSI, 16)),
                        "c4e27d334e10"),
                of("vpmovsxbd ymm1,[rsi+8]", a -> a.vpmovsxbd(ymm(1), at(RSI, 8)), "c4e27d214e08"),
                of("vpmovzxbw ymm1,[rsi]", a -> a.vpmovzxbw(ymm(1), at(RSI, 0)), "c4e27d300e"),
                of("vpsrlw ymm1,ymm2,4", a -> a.vpsrlw(ymm(1), ymm(2), 4), "c5f571d204"),
                of("vpsllw ymm1,ymm2,8", a -> a.vpsllw(ymm(1), ymm(2), 8), "c5f571f208"),
                of("vpslld ymm12,ymm2,16", a -> a.vpslld(ymm(12), ymm(2), 16), "c59d72f210"),
                of("vpsrld ymm1,ymm2,16", a -> a.vpsrld(ymm(1), ymm(2), 16), "c5f572d210"),
                of("vpand ymm1,ymm2,ymm9", a -> a.vpandd(ymm(1), ymm(2), ymm(9)), "c4c16ddbc9"),
                of("vpor ymm1,ymm2,ymm9", a -> a.vpord(ymm(1), ymm(2), ymm(9)), "c4c16debc9"),
                of("vpxor ymm1,ymm2,ymm3", a -> a.vpxord(ymm(1), ymm(2), ymm(3)), "c5edefcb"),
                of(
                        "vpaddd ymm1,ymm2,[r11+128]",
                        a -> a.vpaddd(ymm(1), ymm(2), at(R11, 128)),
                        "c4c16dfe8b80000000"),
                of("vpmaxsd ymm1,ymm2,ymm3", a -> a.vpmaxsd(ymm(1), ymm(2), ymm(3)), "c4e26d3dcb"),
                of(
                        "vpmaddwd ymm1,ymm2,[r11+32]",
                        a -> a.vpmaddwd(ymm(1), ymm(2), at(R11, 32)),
                        "c4c16df54b20"),
                of(
                        "{vex} vpdpwssd ymm1,ymm2,ymm3",
                        a -> a.vpdpwssd(ymm(1), ymm(2), ymm(3)),
                        "c4e26d52cb"),
                of("vaddps xmm1,xmm2,xmm3", a -> a.vaddps(xmm(1), xmm(2), xmm(3)), "c5e858cb"),
                of(
                        "vmulps ymm1,ymm2,[r11+144]",
                        a -> a.vmulps(ymm(1), ymm(2), at(R11, 144)),
                        "c4c16c598b90000000"),
                of(
                        "vfmadd231ps ymm8,ymm1,[r9+4]",
                        a -> a.vfmadd231ps(ymm(8), ymm(1), at(R9, 4)),
                        "c44275b84104"),
                of(
                        "vfmadd213ps ymm8,ymm1,ymm9",
                        a -> a.vfmadd213ps(ymm(8), ymm(1), ymm(9)),
                        "c44275a8c1"),
                of("vcvtdq2ps ymm1,ymm1", a -> a.vcvtdq2ps(ymm(1), ymm(1)), "c5fc5bc9"),
                of("vcvtps2dq ymm1,ymm9", a -> a.vcvtps2dq(ymm(1), ymm(9)), "c4c17d5bc9"),
                of("vroundps ymm1,ymm2,0", a -> a.vrndscaleps(ymm(1), ymm(2), 0), "c4e37d08ca00"),
                of(
                        "vunpckhpd ymm1,ymm2,ymm9",
                        a -> a.vunpckhpd(ymm(1), ymm(2), ymm(9)),
                        "c4c16d15c9"),
                of(
                        "vpmaddubsw ymm1,ymm2,ymm9",
                        a -> a.vpmaddubsw(ymm(1), ymm(2), ymm(9)),
                        "c4c26d04c9"),
                of("vpaddw ymm1,ymm2,ymm3", a -> a.vpaddw(ymm(1), ymm(2), ymm(3)), "c5edfdcb"),
                of("vpsubw ymm1,ymm2,ymm12", a -> a.vpsubw(ymm(1), ymm(2), ymm(12)), "c4c16df9cc"),
                of(
                        "vpacksswb ymm1,ymm2,ymm3",
                        a -> a.vpacksswb(ymm(1), ymm(2), ymm(3)),
                        "c5ed63cb"),
                of(
                        "vpunpcklbw ymm1,ymm2,ymm9",
                        a -> a.vpunpcklbw(ymm(1), ymm(2), ymm(9)),
                        "c4c16d60c9"),
                of(
                        "vpunpckhbw ymm1,ymm2,ymm3",
                        a -> a.vpunpckhbw(ymm(1), ymm(2), ymm(3)),
                        "c5ed68cb"),
                of(
                        "vperm2i128 ymm1,ymm2,ymm9,0x31",
                        a -> a.vperm2i128(ymm(1), ymm(2), ymm(9), 0x31),
                        "c4c36d46c931"),
                of(
                        "vmovlps [r10+rcx],xmm4",
                        a -> a.vmovlps(at(R10, RCX, 1, 0), xmm(4)),
                        "c4c17813240a"),
                of(
                        "{vex} vpdpbusd ymm1,ymm2,ymm9",
                        a -> a.vpdpbusd(ymm(1), ymm(2), ymm(9)),
                        "c4c26d50c9"),
                of("movzx eax,byte ptr [rcx+3]", a -> a.movzxb(RAX, at(RCX, 3)), "0fb64103"),
                of("movzx r14d,byte ptr [r8]", a -> a.movzxb(R14, at(R8, 0)), "450fb630"),
                of("popcnt r14d,r14d", a -> a.popcntd(R14, R14), "f3450fb8f6"),
                of("popcnt eax,eax", a -> a.popcntd(RAX, RAX), "f30fb8c0"),
                of("lea rsi,[rsi+rax*2]", a -> a.lea(RSI, at(RSI, RAX, 2, 0)), "488d3446"),
                of("vpsrad ymm1,ymm12,1", a -> a.vpsrad(ymm(1), ymm(12), 1), "c4c17572e401"),
                of("vpsubd ymm1,ymm2,ymm3", a -> a.vpsubd(ymm(1), ymm(2), ymm(3)), "c5edfacb"),
                of("vpcmpgtd ymm1,ymm2,ymm3", a -> a.vpcmpgtd(ymm(1), ymm(2), ymm(3)), "c5ed66cb"),
                of(
                        "vmaskmovps ymm1,ymm2,[rdi]",
                        a -> a.vmaskmovps(ymm(1), ymm(2), at(RDI, 0)),
                        "c4e26d2c0f"),
                of(
                        "vmaskmovps [rdi],ymm2,ymm1",
                        a -> a.vmaskmovps(at(RDI, 0), ymm(2), ymm(1)),
                        "c4e26d2e0f"),
                of("kmovd k2,eax", a -> a.kmovd(K2, RAX), "c5fb92d0"),
                of("kmovd k2,r9d", a -> a.kmovd(K2, R9), "c4c17b92d1"),
                of("kmovq k1,[r8+8]", a -> a.kmovq(K1, at(R8, 8)), "c4c1f8904808"),
                of("kmovd k3,[r8+4]", a -> a.kmovd(K3, at(R8, 4)), "c4c1f9905804"),
                of("mov rbp,r9", a -> a.mov(RBP, R9), "4c89cd"),
                of("mov r10,[rsp+8]", a -> a.mov(R10, at(RSP, 8)), "4c8b542408"),
                of("mov [rdi+8],rdx", a -> a.mov(at(RDI, 8), RDX), "48895708"),
                of("mov r8,-1", a -> a.mov(R8, -1), "49c7c0ffffffff"),
                of("mov eax,[rcx+4]", a -> a.movd(RAX, at(RCX, 4)), "8b4104"),
                of("lea r10,[r9+16512]", a -> a.lea(R10, at(R9, 16_512)), "4d8d9180400000"),
                of("add rsi,rax", a -> a.add(RSI, RAX), "4801c6"),
                of("add r9,-1", a -> a.add(R9, -1), "4983c1ff"),
                of("add r9,1024", a -> a.add(R9, 1024), "4981c100040000"),
                of("sub rax,r11", a -> a.sub(RAX, R11), "4c29d8"),
                of("imul rcx,r11", a -> a.imul(RCX, R11), "490fafcb"),
                of("cmp rax,32", a -> a.cmp(RAX, 32), "4883f820"),
                of("mov r13,[rdi+8]", a -> a.mov(R13, at(RDI, 8)), "4c8b6f08"),
                of("cmp r11,rbp", a -> a.cmp(R11, RBP), "4939eb"),
                of("shl rbp,7", a -> a.shl(RBP, 7), "48c1e507"),
                of("shr rax,3", a -> a.shr(RAX, 3), "48c1e803"),
                of("popcnt rax,[r8-8]", a -> a.popcnt(RAX, at(R8, -8)), "f3490fb840f8"),
                of("popcnt eax,[rcx+4]", a -> a.popcntd(RAX, at(RCX, 4)), "f30fb84104"),
                of("bzhi eax,r8d,eax", a -> a.bzhi(RAX, R8, RAX), "c4c278f5c0"),
                of("popcnt rbp,rbx", a -> a.popcnt(RBP, RBX), "f3480fb8eb"),
                of("popcnt r9,r14", a -> a.popcnt(R9, R14), "f34d0fb8ce"),
                of("movzx ebp,bx", a -> a.movzxw(RBP, RBX), "0fb7eb"),
                of("movzx r14d,ax", a -> a.movzxw(R14, RAX), "440fb7f0"),
                of("bextr r14,rbx,r13", a -> a.bextr(R14, RBX, R13), "c46290f7f3"),
                of("bextr rbp,rax,rdi", a -> a.bextr(RBP, RAX, RDI), "c4e2c0f7e8"),
                of("pdep rbx,rax,r12", a -> a.pdep(RBX, RAX, R12), "c4c2fbf5dc"),
                of("pdep r9,r10,rdx", a -> a.pdep(R9, R10, RDX), "c462abf5ca"),
                of(
                        "movabs r12,0x1fe01fe01fe01fe0",
                        a -> a.movabs(R12, 0x1fe01fe01fe01fe0L),
                        "49bce01fe01fe01fe01f"),
                of("movabs rax,-2", a -> a.movabs(RAX, -2), "48b8feffffffffffffff"),
                of("push r12", a -> a.push(R12), "4154"),
                of("pop rbx", a -> a.pop(RBX), "5b"),
                of("prefetcht0 [rdx+3072]", a -> a.prefetcht0(at(RDX, 3072)), "0f188a000c0000"),
                of("prefetcht1 [rax+64]", a -> a.prefetcht1(at(RAX, 64)), "0f185040"),
                of("vzeroupper", a -> a.vzeroupper(), "c5f877"),
                of("ret", a -> a.ret(), "c3"));
    }

    @Test
    void jumpsLeadWhereTheyAreToLead() {
        var assembler = new Assembler();
        int start = assembler.here();
        int jump = assembler.ja();
        assembler.ret();
        assembler.land(jump);
        assembler.jmp(start);
        assertEquals(
                "0f8701000000" + "c3" + "e9f4ffffff", HexFormat.of().formatHex(assembler.code()));
    }

    @Test
    void constantsLieBehindTheCode() {
        var assembler = new Assembler();
        Constant first = assembler.constant(new byte[] {1, 2, 3});
        Constant second = assembler.constant(new byte[] {4});
        assembler.vmovups(ymm(1), second);
        assembler.lea(R15, first);
        byte[] code = assembler.code();
        assertEquals("c5fc100d78000000" + "4c8d3d31000000", HexFormat.of().formatHex(code, 0, 15));
        assertEquals(1, code[64]);
        assertEquals(4, code[128]);
        assertEquals(3 * 64, code.length);
    }

    private static Arguments of(String instruction, Consumer<Assembler> ours, String code) {
        return Arguments.of(instruction, ours, code);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("instructions")
    void anInstructionIsWhatTheGnuAssemblerMakesOfIt(
            String instruction, Consumer<Assembler> ours, String code) {
        var assembler = new Assembler();
        ours.accept(assembler);
        assertEquals(code, HexFormat.of().formatHex(assembler.code()), instruction);
    }
}
