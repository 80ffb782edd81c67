/*
 * double_names.h: names of the functions on Real (algo/net/real.h) in the build with double, which
 * lies beside the other in the program of the tests.
 */
#ifndef RECADV_DOUBLE_NAMES_H
#define RECADV_DOUBLE_NAMES_H

#define MatrixProduct           MatrixProductDouble
#define MatrixProductTransposed MatrixProductTransposedDouble
#define MatrixProductColumns    MatrixProductColumnsDouble
#define LinearForward           LinearForwardDouble
#define LinearBackward          LinearBackwardDouble
#define ReluForward             ReluForwardDouble
#define ReluBackward            ReluBackwardDouble
#define LayerNormForward        LayerNormForwardDouble
#define LayerNormBackward       LayerNormBackwardDouble
#define DropoutMask             DropoutMaskDouble
#define DropoutApply            DropoutApplyDouble
#define SoftmaxForward          SoftmaxForwardDouble
#define SoftmaxBackward         SoftmaxBackwardDouble
#define LogSoftmaxForward       LogSoftmaxForwardDouble
#define LogSoftmaxBackward      LogSoftmaxBackwardDouble
#define BceForward              BceForwardDouble
#define MlpAdd                  MlpAddDouble
#define MlpStart                MlpStartDouble
#define MlpTape                 MlpTapeDouble
#define MlpForward              MlpForwardDouble
#define MlpBackward             MlpBackwardDouble
#define StateAdd                StateAddDouble
#define StateStart              StateStartDouble
#define StateTape               StateTapeDouble
#define StateForward            StateForwardDouble
#define StateBackward           StateBackwardDouble
#define StateScratch            StateScratchDouble
#define StateOfRows             StateOfRowsDouble
#define SlateMean               SlateMeanDouble
#define SupervisionLoss         SupervisionLossDouble
#define AlignmentLoss           AlignmentLossDouble
#define SoftmaxTileSums         SoftmaxTileSumsDouble
#define SoftmaxTileGradient     SoftmaxTileGradientDouble
#define NeumfNetworkOf          NeumfNetworkOfDouble
#define NeumfStartNetwork       NeumfStartNetworkDouble
#define NeumfTape               NeumfTapeDouble
#define NeumfForward            NeumfForwardDouble
#define NeumfBackward           NeumfBackwardDouble

/* Attention, the transformer of sequences, LSTM. */
#define MatrixProductPlain           MatrixProductPlainDouble
#define MatrixProductTransposedPlain MatrixProductTransposedPlainDouble
#define AttentionReals               AttentionRealsDouble
#define AttentionScratch             AttentionScratchDouble
#define AttentionForward             AttentionForwardDouble
#define AttentionBackward            AttentionBackwardDouble
#define AttentionSoftmax             AttentionSoftmaxDouble
#define TransformerAdd               TransformerAddDouble
#define TransformerStart             TransformerStartDouble
#define TransformerReals             TransformerRealsDouble
#define TransformerAttention         TransformerAttentionDouble
#define TransformerForward           TransformerForwardDouble
#define TransformerBackward          TransformerBackwardDouble
#define TransformerLastReals         TransformerLastRealsDouble
#define TransformerLast              TransformerLastDouble
#define LstmStart                    LstmStartDouble
#define LstmForward                  LstmForwardDouble
#define LstmBackward                 LstmBackwardDouble
#define LstmGatesForward             LstmGatesForwardDouble
#define LstmGatesBackward            LstmGatesBackwardDouble

/* irecgan. */
#define RecurrentAdd      RecurrentAddDouble
#define RecurrentStart    RecurrentStartDouble
#define RecurrentTape     RecurrentTapeDouble
#define RecurrentForward  RecurrentForwardDouble
#define RecurrentBackward RecurrentBackwardDouble
#define RecurrentState    RecurrentStateDouble
#define RecurrentScratch  RecurrentScratchDouble
#define RecurrentStep     RecurrentStepDouble
#define UserNetSet        UserNetSetDouble
#define UserNetStart      UserNetStartDouble
#define UserWorkSet       UserWorkSetDouble
#define UserLearn         UserLearnDouble
#define UserRow           UserRowDouble
#define UserWish          UserWishDouble
#define UserOdds          UserOddsDouble
#define UserBuys          UserBuysDouble
#define UserLeaves        UserLeavesDouble
#define AgentNetSet       AgentNetSetDouble
#define AgentNetStart     AgentNetStartDouble
#define AgentWorkSet      AgentWorkSetDouble
#define AgentQueries      AgentQueriesDouble
#define AgentQuery        AgentQueryDouble
#define AgentBack         AgentBackDouble
#define PolicyLoss        PolicyLossDouble
#define JudgeNetSet       JudgeNetSetDouble
#define JudgeNetStart     JudgeNetStartDouble
#define JudgeWorkSet      JudgeWorkSetDouble
#define JudgeOpinions     JudgeOpinionsDouble
#define JudgeLearn        JudgeLearnDouble
#define JudgeRow          JudgeRowDouble

/* Scenarios that cooperate. */
#define NetworksOf      NetworksOfDouble
#define NetworksStart   NetworksStartDouble
#define NetworksSee     NetworksSeeDouble
#define LstmOf          LstmOfDouble
#define LstmGradientsOf LstmGradientsOfDouble
#define EpisodeNext     EpisodeNextDouble
#define MaSliceTake     MaSliceTakeDouble
#define MaSliceRead     MaSliceReadDouble
#define MaSliceAim      MaSliceAimDouble
#define MaSliceLearn    MaSliceLearnDouble

#endif
